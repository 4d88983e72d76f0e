// Reading the limits of an imported memory out of a module, and choosing those of the memory to create.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importedMemory, memoryDescriptor } from './module.mjs';
import { UsageError } from './options.mjs';

const text = (string) => [string.length, ...Buffer.from(string)];
const section = (id, ...content) => [id, content.length, ...content];
const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const functionType = section(1, 1, 0x60, 0, 0);

/** A module with these imports, checked by the engine so that the test's own bytes are right. */
function moduleWith(...imports) {
  const bytes = Uint8Array.from([...header, ...functionType, ...section(2, imports.length, ...imports.flat())]);
  assert(WebAssembly.validate(bytes));
  return bytes;
}

const aFunction = [...text('env'), ...text('f'), 0, 0];
const aTable = [...text('env'), ...text('t'), 1, 0x70, 1, 1, 2];
const aGlobal = [...text('env'), ...text('g'), 3, 0x7f, 0];
const sharedMemory = [...text('env'), ...text('memory'), 2, 3, 0x91, 0x02, 0x80, 0x80, 0x04];

test('a shared memory behind other imports', () => {
  assert.deepEqual(importedMemory(moduleWith(aFunction, aTable, aGlobal, sharedMemory)),
    { module: 'env', name: 'memory', initial: 273, maximum: 65536, shared: true, is64: false });
});

test('a memory without maximum', () => {
  const { initial, maximum, shared } = importedMemory(moduleWith([...text('a'), ...text('b'), 2, 0, 1]));
  assert.deepEqual([initial, maximum, shared], [1, undefined, false]);
});

test('no memory among the imports, and no imports', () => {
  assert.equal(importedMemory(moduleWith(aFunction)), undefined);
  assert.equal(importedMemory(Uint8Array.from(header)), undefined);
});

const declared = { initial: 2, maximum: 100, shared: true, is64: false };

test('the maximum is lowered, never raised', () => {
  assert.equal(memoryDescriptor(declared).maximum, 100);
  assert.equal(memoryDescriptor(declared, 10 * 65536 + 5).maximum, 10);
  assert.equal(memoryDescriptor(declared, 2 ** 40).maximum, 100);
});

test('less than the module starts with is refused', () => {
  assert.throws(() => memoryDescriptor(declared, 65536), UsageError);
});

test('a 64-bit memory is refused', () => {
  assert.throws(() => memoryDescriptor({ ...declared, is64: true }), UsageError);
});
