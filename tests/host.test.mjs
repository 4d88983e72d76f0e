// host.test.mjs: the two runners, with a compiled program: arguments, environment, files, ends of all kinds.
//   PT_HOST=wasi|browser PT_PROGRAM=build/wasi/tests/host_program.wasm node --test tests/host.test.mjs
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const { PT_HOST: host, PT_PROGRAM: program } = process.env;
const runner = join(dirname(fileURLToPath(import.meta.url)), `../src/${host}/host/portalis-${host}-run.mjs`);
const folder = mkdtempSync(join(tmpdir(), 'portalis host '));
after(() => rmSync(folder, { recursive: true }));

// Run the program; a run of more than a minute is a hang, and is killed, which no expected code matches.
function run(args, { options = [], input = '' } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [runner, ...options, program, ...args], { timeout: 60000, killSignal: 'SIGKILL' });
    const result = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (result[name] += text));
    child.on('close', (code) => resolve({ ...result, code }));
    child.stdin.on('error', () => {}); // the program need not read it
    child.stdin.end(input);
  });
}

const wasi = { skip: host !== 'wasi' && 'this runner has no such option' };

for (const [mode, code, text] of [
  ['trap-while-main-waits', 134, /unreachable/],
  ['trap-while-main-spins', 134, /unreachable/],
  ['trap-in-main', 134, /unreachable/],
  ['abort-while-main-waits', 134, /abort/i],
  ['exit-while-main-waits', 3, /^/],
  ['return-5', 5, /^/],
]) {
  test(`${mode} ends the run with ${code}`, async () => {
    const result = await run([mode]);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, text);
  });
}

test('a stack overflow in a thread ends the run', wasi, async () => {
  const result = await run(['overflow-while-main-waits']);
  assert.equal(result.code, 134, result.stderr);
  assert.match(result.stderr, /thread \d+/);
});

test('a trap names its thread', wasi, async () => {
  assert.match((await run(['trap-while-main-waits'])).stderr, /thread \d+: trap/);
  assert.match((await run(['trap-in-main'])).stderr, /main thread: trap/);
});

test('arguments and environment', async () => {
  const { stdout } = await run(['show', 'a b', '', '--help'], { options: ['--env', 'COLOUR=deep blue'] });
  assert.match(stdout, /^COLOUR=deep blue HOME=\S+ \[a b\] \[\] \[--help\]\n$/);
});

test('too many threads are refused with EAGAIN', async () => {
  const { stdout, code } = await run(['threads'], { options: host === 'wasi' ? ['--max-threads', '7'] : [] });
  assert.match(stdout, host === 'wasi' ? /^7 threads, then EAGAIN\n$/ : /^\d+ threads, then EAGAIN\n$/);
  assert.equal(code, 0);
});

test('memory ends at --max-memory', wasi, async () => {
  const { stdout } = await run(['memory'], { options: ['--max-memory', '64MiB'] });
  const [, count] = /^(\d+) MiB\n$/.exec(stdout);
  assert.ok(count > 40 && count < 64, stdout);
});

test('a file opened by one thread is read by another', wasi, async () => {
  writeFileSync(join(folder, 'a file.txt'), 'what it says');
  const { stdout, code } = await run(['read', '/given/a file.txt'], { options: ['--dir', `${folder}::/given`] });
  assert.equal(stdout, 'what it says');
  assert.equal(code, 0);
  assert.equal((await run(['read', '/given/a file.txt'])).code, 1); // not given
});

test('standard input and output pass through whole', wasi, async () => {
  const input = 'all work and no play\n'.repeat(200000);
  const { stdout } = await run(['echo'], { input });
  assert.ok(stdout === input, `${stdout.length} of ${input.length} bytes`);
});

test('wrong usage is told, with code 2', async () => {
  for (const options of [['--no-such-option'], ['--env', '=x']]) {
    const { code, stderr } = await run([], { options });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /portalis-/);
  }
});
