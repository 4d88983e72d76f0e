// Whole runs of small modules that are written out here, so that no compiler is needed.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'portalis-wasi-run-test-'));
after(() => rmSync(folder, { recursive: true }));

/** Run a file; resolves to { code, stdout, stderr }. */
function run(path, ...options) {
  const program = new URL('portalis-wasi-run.mjs', import.meta.url).pathname;
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...options, path], { timeout: 60000 }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

function moduleFile(name, bytes) {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

// int badf = fd_close(99); memory_atomic_wait32(&word, 0, 5 ms); proc_exit(badf);   with shared memory, clang -O1
const waiting = Buffer.from(`
AGFzbQEAAAABDQNgAX8Bf2ABfwBgAAACVQMDZW52Bm1lbW9yeQIDAhAWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQhmZF9jbG9zZQAA
Fndhc2lfc25hcHNob3RfcHJldmlldzEJcHJvY19leGl0AAEDAwICAgQFAXABAQEGDQJ/AUGAgAQLfwFBAAsHCgEGX3N0YXJ0AAMI
AQIKeAJLAAJAAkACQEGEgARBAEEB/kgCAA4CAAECC0GAgARBAEEE/AsAQYSABEEC/hcCAEGEgARBf/4AAgAaDAELQYSABEEBQn/+
AQIAGgsLKgEBf0HjABCAgICAACEAQQBBAELAlrEC/gECgICEgAAaIAAQgYCAgAAACw==`, 'base64');

test('a local variable keeps its value while its thread waits', async () => {
  const { code } = await run(moduleFile('waiting.wasm', waiting));
  assert.equal(code, 8); // EBADF; 0 with the bug that avoidLiftoffBug() in supervisor.mjs avoids
});

test('less memory than the module starts with is refused', async () => {
  const { code, stderr } = await run(moduleFile('waiting.wasm', waiting), '--max-memory', '65536');
  assert.equal(code, 2);
  assert.match(stderr, /^portalis-wasi-run: --max-memory 65536: .*\n$/);
});

test('a file that is no module, and one that is not there', async () => {
  for (const path of [moduleFile('text.wasm', 'no module'), join(folder, 'none.wasm')]) {
    const { code, stderr } = await run(path);
    assert.equal(code, 2);
    assert.match(stderr, /^portalis-wasi-run: .*\n$/);
  }
});

test('an import that the host does not have is named', async () => {
  const imports = [2, 9, 1, 3, 0x65, 0x6e, 0x76, 1, 0x66, 0, 0]; // env.f
  const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, ...imports];
  const { code, stderr } = await run(moduleFile('import.wasm', Uint8Array.from(bytes)));
  assert.equal(code, 2);
  assert.match(stderr, /env\.f/);
});

test('a trap ends the run with code 134 and its name', async () => {
  const code = [10, 5, 1, 3, 0, 0x00, 0x0b]; // unreachable
  const memory = [5, 3, 1, 0, 1];
  const exports = [7, 19, 2, 6, 0x5f, 0x73, 0x74, 0x61, 0x72, 0x74, 0, 0, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0]; // _start, memory
  const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, ...memory, ...exports, ...code];
  const result = await run(moduleFile('trap.wasm', Uint8Array.from(bytes)));
  assert.equal(result.code, 134);
  assert.match(result.stderr, /main thread: trap: unreachable\n +at .*wasm/);
});
