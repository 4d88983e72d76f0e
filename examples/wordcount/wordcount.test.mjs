// wordcount.test.mjs: tests of the word count program, native or WASI, against a counter of a few lines here.
//   node wordcount.test.mjs PROGRAM
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = process.argv[2];
const folder = mkdtempSync(path.join(tmpdir(), 'wordcount-test-'));
const runner = fileURLToPath(new URL('../../src/wasi/host/portalis-wasi-run.mjs', import.meta.url));
const command = program.endsWith('.wasm') ? [process.execPath, runner, '--dir', folder, program] : [program];

after(() => rmSync(folder, { recursive: true }));

function run(...args) {
  const [name, ...first] = command;
  const { status, stdout, stderr } = spawnSync(name, [...first, ...args], { maxBuffer: 1 << 28, timeout: 300000 });
  return { status, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
}

function write(name, content) {
  const file = path.join(folder, name);
  writeFileSync(file, content, 'latin1');
  return file;
}

// What should come out: one character of these strings is one byte.
function count(texts) {
  const counts = new Map();
  for (const text of texts) {
    const lower = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    for (const word of lower.match(/[a-z0-9\x80-\xff]+/g) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return sorted.map(([word, number]) => `${number}\t${word}\n`).join('');
}

function testCount(name, texts) {
  test(name, () => {
    const files = texts.map((text, i) => write(`${name} ${i}`, text));
    const expected = count(texts);
    for (const threads of [1, 2, 5]) {
      const { status, stdout, stderr } = run('--threads', `${threads}`, '--rounds', '2', '--out', '-', ...files);
      assert.equal(status, 0, stderr);
      assert.ok(stdout === expected, `the result differs with ${threads} threads`);
      const bytes = texts.reduce((sum, text) => sum + text.length, 0);
      const summary = `threads=${threads} words=\\d+ distinct=\\d+ bytes=${bytes} rounds=2 ms=[\\d.]+`;
      assert.match(stderr, new RegExp(`^${summary}\n$`));
    }
  });
}

function testRefusal(name, args, message) {
  test(name, () => {
    const { status, stdout, stderr } = run(...args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.equal(stderr.split('\n').length, 2, 'one line');
  });
}

// Bytes that look random, and are the same in each run.
function noise(blocks) {
  return Array.from({ length: blocks }, (_, i) => createHash('sha512').update(`${i}`).digest('latin1')).join('');
}

testCount('nothing', ['']);
testCount('no words', [' \0\n.,-'.repeat(1000)]);
testCount('letters, digits, high bytes', ['It\'s 2 o\'clock: IT S \xe9\xc9 \x80a\xff\0b\n']);
testCount('ends of files end words', ['ab', 'cd', '', 'ab cd', 'ab']);
testCount('order', ['b a c b a d ab a\xff a0 b']);
testCount('a word longer than any buffer', [`x ${'Ab'.repeat(700000)} x`, 'ab'.repeat(700000)]);
testCount('binary', [noise(20000)]);
testCount('much text', ['one Two three, four\n'.repeat(100000) + 'end']);

mkdirSync(path.join(folder, 'folder'));
const good = write('good', 'some words');
testRefusal('missing file', [good, path.join(folder, 'missing')], /^wordcount: .*missing: No such file/);
testRefusal('directory', [good, path.join(folder, 'folder')], /^wordcount: .*folder: is a directory/);
testRefusal('no file', [], /no files/);
testRefusal('unknown option', ['--bogus', good], /--bogus/);
testRefusal('no threads', ['--threads', '0', good], /--threads wants a whole number/);
testRefusal('result that cannot be written', ['--out', path.join(folder, 'no', 'where'), good], /where: No such file/);

test('summary and result in a file', () => {
  const { status, stdout, stderr } = run('--threads', '2', '--out', path.join(folder, 'result'), good);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^threads=2 words=2 distinct=2 bytes=10 rounds=1 ms=[\d.]+\n$/);
});
