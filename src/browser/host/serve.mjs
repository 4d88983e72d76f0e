#!/usr/bin/env node
// serve.mjs: a static file server for pages with threads: loopback only, with the two headers that give a page
// SharedArrayBuffer, and nothing outside its root. A module, and a command:
//
//   node serve.mjs [--port N] ROOT

import { createReadStream, realpathSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

// On every response. Nothing is cached, so that a page never mixes the files of two builds.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Serve the folder `root` on 127.0.0.1. Resolves to { url, close }.
 *   port    0, the default: any that is free
 *   routes  routes(request, response) may answer a request first, of any method; it returns whether it did, or a
 *           promise of that. The headers above are set already.
 */
export async function serve(root, { port = 0, routes = () => false } = {}) {
  const top = await realpath(resolve(root));
  if (!(await stat(top)).isDirectory()) throw new Error(`${root} is not a folder`);
  const server = createServer((request, response) => {
    answer(top, routes, request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else refuse(response, 500, error.message);
    });
  });
  await new Promise((done, failed) => server.once('error', failed).listen(port, '127.0.0.1', done));
  const close = () => new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

async function answer(top, routes, request, response) {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // A page elsewhere could give its own name our address, and read what we serve as its own.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) return refuse(response, 403, 'refused');
  if (await routes(request, response)) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return refuse(response, 405, 'only GET and HEAD');
  }
  const { file, code } = await locate(top, request.url);
  if (!file) return refuse(response, code, code === 404 ? 'not found' : 'refused');
  return sendFile(request, response, file);
}

function refuse(response, code, text) {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

/** The file that a request's path names, or a code that says why it has none. */
async function locate(top, url) {
  let path;
  try {
    path = decodeURIComponent(url.split(/[?#]/, 1)[0]);
  } catch {
    return { code: 400 };
  }
  if (!path.startsWith('/') || /[\0\\]/.test(path) || path.split('/').includes('..')) return { code: 403 };
  try {
    // Links are followed first and the result is looked at, so that no link leads out of the root.
    const file = await realpath(join(top, path.endsWith('/') ? `${path}index.html` : path));
    if (!file.startsWith(top === sep ? sep : top + sep)) return { code: 403 };
    return (await stat(file)).isFile() ? { file } : { code: 404 };
  } catch {
    return { code: 404 };
  }
}

/** Answer a GET or HEAD request with a file, streamed; for routes, too. */
export async function sendFile(request, response, file) {
  const { size } = await stat(file);
  const type = types[extname(file).toLowerCase()] ?? 'application/octet-stream';
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': size });
  if (request.method === 'HEAD' || size === 0) return response.end();
  // If the file shrinks or the browser goes away, the connection is cut: a length was promised.
  return pipeline(createReadStream(file, { end: size - 1 }), response).catch(() => response.destroy());
}

// ---- the command ----

const usage = `Usage: serve.mjs [--port N] ROOT

Serves the folder ROOT on 127.0.0.1, with the headers that let its pages use threads.

  --port N   the port (default: 8080; 0: any that is free)
  --help
`;

function fail(text) {
  process.stderr.write(`serve: ${text}\n`);
  process.exit(2);
}

function parseCommandLine() {
  try {
    const options = { port: { type: 'string', default: '8080' }, help: { type: 'boolean', short: 'h' } };
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    return fail(`${error.message.split('.')[0]}; see --help`);
  }
}

async function main() {
  const { values, positionals } = parseCommandLine();
  if (values.help) return process.stdout.write(usage);
  if (positionals.length !== 1) fail('one folder is to be named; see --help');
  if (!/^\d{1,5}$/.test(values.port) || values.port > 65535) fail(`--port ${values.port}: expected a port number`);
  try {
    const { url } = await serve(positionals[0], { port: Number(values.port) });
    return console.log(`serving ${positionals[0]} at ${url}/ (Ctrl-C ends it)`);
  } catch (error) {
    return fail(error.code === 'ENOENT' ? `no such folder: ${positionals[0]}` : error.message);
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
