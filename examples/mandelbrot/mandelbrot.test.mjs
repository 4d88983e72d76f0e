// mandelbrot.test.mjs: tests of the Mandelbrot program: native, WASI, or in a page in Chromium, by what PROGRAM is.
//   node mandelbrot.test.mjs PROGRAM
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { crc32, inflateSync } from 'node:zlib';

const program = process.argv[2];
const [WIDTH, HEIGHT] = [300, 201];

// The picture as the test sees it: rows of [red, green, blue] after each other.
function checkPicture(pixel) {
  assert.deepEqual(pixel(WIDTH / 2, (HEIGHT - 1) / 2), [0, 0, 0], 'the middle is inside');
  assert.notDeepEqual(pixel(0, 0), [0, 0, 0], 'the corner is outside');
  for (let y = 0; y < HEIGHT; y += 20) { // the axis is the row in the middle
    for (let x = 0; x < WIDTH; x += 25) assert.deepEqual(pixel(x, y), pixel(x, HEIGHT - 1 - y), 'both halves are the same');
  }
}

// The chunks of a PNG by type; their checksums must be right.
function readChunks(file) {
  assert.equal(file.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  const chunks = {};
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 4, at + 8 + length);
    if (crc32) assert.equal(crc32(body), file.readUInt32BE(at + 8 + length));
    chunks[body.subarray(0, 4).toString()] = body.subarray(4);
    at += 12 + length;
  }
  return chunks;
}

function readPicture(name) {
  const { IHDR, IDAT, IEND } = readChunks(readFileSync(name));
  assert.deepEqual([IHDR.readUInt32BE(0), IHDR.readUInt32BE(4), ...IHDR.subarray(8)], [WIDTH, HEIGHT, 8, 2, 0, 0, 0]);
  assert.equal(IEND.length, 0);
  const rows = inflateSync(IDAT); // which checks the sum
  assert.equal(rows.length, HEIGHT * (1 + 3 * WIDTH));
  return rows;
}

function testProgram() {
  const folder = mkdtempSync(path.join(tmpdir(), 'mandelbrot-test-'));
  const runner = fileURLToPath(new URL('../../src/wasi/host/portalis-wasi-run.mjs', import.meta.url));
  const command = program.endsWith('.wasm') ? [process.execPath, runner, '--dir', folder, program] : [program];
  after(() => rmSync(folder, { recursive: true }));
  const run = (...args) => {
    const { status, stdout, stderr } = spawnSync(command[0], [...command.slice(1), ...args], { encoding: 'utf8', timeout: 300000 });
    return { status, stdout, stderr };
  };

  test('the picture is right, and the same with one thread and with four', () => {
    const pictures = [1, 4].map((threads) => {
      const name = path.join(folder, `${threads}.png`);
      const { status, stdout, stderr } = run('--width', `${WIDTH}`, '--height', `${HEIGHT}`, '--threads', `${threads}`, '--out', name);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^width=300 height=201 ms=[\d.]+ pixels_per_second=\d+\n$/);
      return readPicture(name);
    });
    assert.ok(pictures[0].equals(pictures[1]));
    checkPicture((x, y) => [...pictures[0].subarray(y * (1 + 3 * WIDTH) + 1 + 3 * x).subarray(0, 3)]);
  });

  for (const [args, message] of [
    [['--width', '0'], '--width: wants a whole number from 1 to 10000'],
    [['--steps', 'many'], '--steps: wants a whole number from 1 to 1000000'],
    [['--zoom', '-1'], '--zoom: wants a number above 0'],
    [['--x', 'nan'], '--x: wants a number'],
    [['--height'], '--height: wants a value'],
    [['--deep', '1'], '--deep: no such option; try --help'],
    [['--width', '9', '--height', '9', '--out', path.join(folder, 'no', 'such.png')], `${path.join(folder, 'no', 'such.png')}: No such file or directory`],
  ]) {
    test(`refused: ${args[0]} ${args[1]?.startsWith('/') ? '' : args[1] ?? ''}`, () => {
      assert.deepEqual(run(...args), { status: 2, stdout: '', stderr: `mandelbrot: ${message}\n` });
    });
  }

  test('--help', () => assert.match(run('--help').stdout, /^Usage: mandelbrot/));
}

function testPage() {
  test('a page draws it on its canvas', async () => {
    const { openPage } = await import('../../src/browser/host/browser.mjs');
    const opened = await openPage(path.dirname(program), `/index.html?width=${WIDTH}&height=${HEIGHT}&threads=2`, {});
    try {
      await Promise.race([opened.page.evaluate(() => globalThis.finished), opened.failed]);
      const pixels = await opened.page.evaluate(() => {
        const canvas = document.getElementById('canvas');
        return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
      });
      assert.equal(pixels.length, WIDTH * HEIGHT * 4);
      checkPicture((x, y) => pixels.slice(4 * (y * WIDTH + x), 4 * (y * WIDTH + x) + 3));
      assert.match(await opened.page.textContent('#status'), /^2 threads, \d+ ms, zoom 1$/);
      await opened.page.click('#canvas');
      await opened.page.waitForFunction(() => document.getElementById('status').textContent.endsWith('zoom 3'));
    } finally {
      await opened.close();
    }
  });
}

if (program.endsWith('.mjs')) testPage();
else testProgram();
