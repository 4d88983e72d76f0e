// The command line of portalis-wasi-run: what it accepts, and what it says about mistakes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteSize, parseCommandLine, UsageError } from './options.mjs';

const parse = (...argv) => parseCommandLine(argv, { HOME: '/root' });

function refuses(argv, pattern) {
  assert.throws(() => parse(...argv), (error) => {
    assert(error instanceof UsageError, String(error));
    assert.match(error.message, pattern);
    assert(!error.message.includes('\n'), 'one line');
    return true;
  });
}

test('the words after the module are the program\'s', () => {
  const { modulePath, args } = parse('--max-threads', '3', 'a.wasm', '--env', '--', '--help');
  assert.equal(modulePath, 'a.wasm');
  assert.deepEqual(args, ['a.wasm', '--env', '--', '--help']);
});

test('-- ends the options', () => {
  assert.equal(parse('--', '--odd.wasm').modulePath, '--odd.wasm');
});

test('variables are set, inherited, or left out if there is nothing to inherit', () => {
  const { env } = parse('--env', 'A=1=2', '--env', 'B=', '--env=HOME', '--env', 'NONE', 'a.wasm');
  assert.deepEqual(env, { A: '1=2', B: '', HOME: '/root' });
});

test('folders keep their name or take another', () => {
  assert.deepEqual(parse('--dir', '/tmp', '--dir', '/tmp::/data', 'a.wasm').preopens, { '/tmp': '/tmp', '/data': '/tmp' });
});

test('sizes', () => {
  assert.equal(byteSize('65536'), 65536);
  assert.equal(byteSize('64MiB'), 64 * 2 ** 20);
  assert.equal(byteSize('2GiB'), 2 * 2 ** 30);
});

test('mistakes are named', () => {
  refuses([], /no module/);
  refuses(['--frobnicate', 'a.wasm'], /--frobnicate/);
  refuses(['--dir'], /--dir/);
  refuses(['--dir', '/nowhere', 'a.wasm'], /not a folder/);
  refuses(['--dir', '/tmp::', 'a.wasm'], /expected HOST/);
  refuses(['--dir', '/tmp', '--dir', '/tmp', 'a.wasm'], /twice/);
  refuses(['--env', '=x', 'a.wasm'], /NAME/);
  refuses(['--max-memory', '64MB', 'a.wasm'], /64MiB/);
  refuses(['--max-threads', '-1', 'a.wasm'], /max-threads/);
  refuses(['--max-threads', 'many', 'a.wasm'], /number/);
});
