// serve.mjs: what is served, with which headers, and that nothing outside the root is.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sendFile, serve } from './serve.mjs';

const folder = mkdtempSync(join(tmpdir(), 'portalis-serve-test-'));
const root = join(folder, 'root');
let server;

before(async () => {
  mkdirSync(join(root, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'root-beside.txt'), 'secret');
  writeFileSync(join(root, 'index.html'), 'index');
  writeFileSync(join(root, 'sub', 'a b.mjs'), 'export {}');
  writeFileSync(join(root, 'm.wasm'), '');
  symlinkSync(join(folder, 'secret.txt'), join(root, 'out.txt'));
  symlinkSync(folder, join(root, 'up'));
  symlinkSync(join(root, 'index.html'), join(root, 'inside.html'));
  const routes = async (req, res) => {
    if (req.url === '/input/0') await sendFile(req, res, join(folder, 'secret.txt'));
    else if (req.method === 'POST' && req.url === '/result') req.pipe(res);
    else return false;
    return true;
  };
  server = await serve(root, { routes });
});

after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** node:http and not fetch, which would tidy up the path. Resolves to { code, headers, body, size }. */
function ask(path, { method = 'GET', body, headers } = {}) {
  return new Promise((resolve, reject) => {
    const req = request(server.url, { path, method, headers }, (res) => {
      let size = 0;
      let text = '';
      res.on('data', (chunk) => {
        size += chunk.length;
        if (size < 1000) text += chunk;
      });
      res.on('end', () => resolve({ code: res.statusCode, headers: res.headers, body: text, size }));
    });
    req.on('error', reject);
    req.end(body);
  });
}

test('files have their types and the headers of cross-origin isolation', async () => {
  const { code, headers, body } = await ask('/sub/a%20b.mjs?query');
  assert.equal(code, 200);
  assert.equal(body, 'export {}');
  assert.match(headers['content-type'], /^text\/javascript/);
  assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(headers['cross-origin-embedder-policy'], 'require-corp');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal((await ask('/m.wasm')).headers['content-type'], 'application/wasm');
});

test('a folder is its index.html; a link inside is followed; HEAD has no body', async () => {
  assert.equal((await ask('/')).body, 'index');
  assert.equal((await ask('/inside.html')).body, 'index');
  const { code, headers, size } = await ask('/', { method: 'HEAD' });
  assert.deepEqual([code, headers['content-length'], size], [200, '5', 0]);
});

test('nothing outside the root is served', async () => {
  const paths = ['/../secret.txt', '/sub/../../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/%2e%2e%2fsecret.txt',
    '/..\\secret.txt', '/..%5csecret.txt', '/out.txt', '/up/secret.txt', '/up/', '/up/root-beside.txt', '//etc/passwd',
    '/%2fetc/passwd', '/index.html%00.txt', 'http://127.0.0.1/../secret.txt', `${folder}/secret.txt`, '/..', '/../root-beside.txt'];
  for (const path of paths) {
    const { code, body } = await ask(path);
    assert([403, 404].includes(code), `${path}: ${code}`);
    assert(!body.includes('secret'), path);
  }
});

test('what is not there, not a file, or not a path', async () => {
  assert.equal((await ask('/none')).code, 404);
  assert.equal((await ask('/sub')).code, 404);
  assert.equal((await ask('/%')).code, 400);
});

test('other methods and other names of the server are refused', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) assert.equal((await ask('/', { method })).code, 405);
  assert.equal((await ask('/', { headers: { host: 'elsewhere.example' } })).code, 403);
});

test('routes answer first, with the same headers', async () => {
  const input = await ask('/input/0');
  assert.deepEqual([input.code, input.body, input.headers['cross-origin-embedder-policy']], [200, 'secret', 'require-corp']);
  assert.equal((await ask('/result', { method: 'POST', body: 'sum' })).body, 'sum');
});

test('a large file is streamed', async () => {
  const size = 300e6;
  writeFileSync(join(root, 'large.bin'), '');
  truncateSync(join(root, 'large.bin'), size);
  const before = process.memoryUsage().rss;
  assert.equal((await ask('/large.bin')).size, size);
  assert(process.memoryUsage().rss - before < size / 2);
});
