// browser.mjs: a page in headless Chromium whose every failure is noticed, and which leaves nothing behind.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import { serve } from './serve.mjs';

// No GPU and no traffic of its own; /dev/shm is small in many containers. Playwright adds --no-sandbox, which the
// sandbox needs in containers and for root.
const flags = ['--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-dev-shm-usage'];

const startMs = 60000; // for Chromium to start, on a machine that is busy with a whole test suite
const closeMs = 5000;

/** Something that the user has to set right: shown without a stack. */
export class SetupError extends Error {}

/** Chromium's path: CHROMIUM, or the usual places. */
export function findChromium(env = process.env) {
  if (env.CHROMIUM) {
    if (!isProgram(env.CHROMIUM)) throw new SetupError(`CHROMIUM is ${env.CHROMIUM}, which is no program`);
    return env.CHROMIUM;
  }
  const folders = (env.PATH ?? '').split(delimiter);
  const places = ['/usr/bin/chromium',
    ...['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => folders.map((each) => join(each, name)))];
  const found = places.find(isProgram);
  if (!found) throw new SetupError('no Chromium found: install it (Debian: apt-get install chromium) or set CHROMIUM to its path');
  return found;
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Serve the folder `root`, and open `path` of it in a new browser. Resolves to
 *   page    playwright's page, which is cross-origin isolated
 *   url     where the server is
 *   failed  a promise that rejects when the page fails: crash, uncaught error or rejection in page or Worker, console
 *           error, failed request; or when the browser goes away. Race it with what you wait for
 *   close   ends browser and server. process.exit() does so, too, and sooner
 * options: routes (see serve.mjs), viewport (playwright's).
 */
export async function openPage(root, path, { routes, viewport } = {}) {
  const executablePath = findChromium();
  const server = await serve(root, { routes });
  let browser;
  const close = async () => {
    // A page that is busy for ever may keep the browser from closing; it then ends with this process.
    if (browser) await Promise.race([browser.close(), new Promise((done) => setTimeout(done, closeMs).unref())]);
    await server.close();
  };
  try {
    browser = await launch(executablePath);
    const page = await browser.newPage({ viewport });
    const failed = watch(page, browser);
    await Promise.race([page.goto(server.url + path), failed]);
    if (!(await page.evaluate(() => globalThis.crossOriginIsolated))) {
      throw new Error('the page is not cross-origin isolated, so that it has no threads');
    }
    return { page, url: server.url, failed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Start Chromium with all its files in a folder of its own. */
async function launch(executablePath) {
  const folder = mkdtempSync(join(tmpdir(), 'portalis-browser-'));
  guard(folder);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = folder; // for playwright, which puts the profile into os.tmpdir()
  try {
    return await chromium.launch({ executablePath, args: flags, timeout: startMs, env: inFolder(folder),
      handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false });
  } catch (error) {
    throw new SetupError(`cannot start ${executablePath}: ${whyNot(error)}`);
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    // Only now, to come after playwright's own handler, which ends Chromium.
    process.on('exit', () => remove(folder));
  }
}

/** Chromium's environment: it puts caches and settings into the user's folders, too. */
function inFolder(folder) {
  return { ...process.env, TMPDIR: folder, XDG_CONFIG_HOME: join(folder, 'config'), XDG_CACHE_HOME: join(folder, 'cache') };
}

/** Of playwright's long message: its first line, and what Chromium itself said. */
function whyNot(error) {
  const [first, ...rest] = error.message.replace(/\x1b\[[\d;]*m/g, '').split('\n');
  const said = rest.map((line) => /\[err\] (.*)/.exec(line)?.[1]).filter(Boolean);
  return [first.replace('browserType.launch: ', ''), ...said.slice(-3)].join('; ');
}

function remove(folder) {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 });
  } catch {
    // Chromium's processes are still ending and writing: the guard does it.
  }
}

// Waits for the end of the pipe that is its descriptor 3, which comes with the end of this process, however that ends,
// and removes the folder. It does so in the background, out of reach for those who kill a process with its children.
const guardScript = `( while read -r _ <&3; do :; done
  tries=100
  while [ -e "$1" ] && [ $tries -gt 0 ]; do rm -rf -- "$1"; tries=$((tries - 1)); sleep 0.1; done ) &`;

const guards = []; // kept, since the collector closes the pipes of what nobody holds

/** Have the folder removed even if this process is killed. Chromium itself ends when its connection to us does. */
function guard(folder) {
  const shell = spawn('/bin/sh', ['-c', guardScript, 'sh', folder], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'], // not descriptor 0, which Node closes when the shell has ended
  });
  shell.on('error', () => {}); // no /bin/sh, no guard
  shell.unref();
  shell.stdio[3].unref();
  guards.push(shell);
}

function watch(page, browser) {
  const failed = new Promise((_, reject) => {
    const fail = (text) => reject(new Error(text));
    page.on('crash', () => fail('the page crashed'));
    page.on('close', () => fail('the page was closed'));
    page.on('pageerror', (error) => fail(`uncaught in the page: ${error.stack || error}`));
    page.on('console', (message) => message.type() === 'error' && fail(`console error: ${describe(message)}`));
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText;
      // A Worker that is ended while it loads takes its requests along.
      if (why !== 'net::ERR_ABORTED') fail(`request failed: ${request.url()} ${why}`);
    });
    page.on('response', (response) => {
      if (response.status() < 400 || response.url().endsWith('/favicon.ico')) return;
      fail(`request failed: ${response.url()} ${response.status()}`);
    });
    browser.on('disconnected', () => fail('the browser went away'));
  });
  failed.catch(() => {}); // for whoever races it; without, a failure before that would be an unhandled rejection
  return failed;
}

function describe(message) {
  const { url, lineNumber } = message.location();
  return url ? `${message.text()} (${url}:${lineNumber + 1})` : message.text();
}
