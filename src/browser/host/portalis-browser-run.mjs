#!/usr/bin/env node
// portalis-browser-run.mjs: runs an Emscripten-built program in headless Chromium as if it were a native one: its
// arguments, its output as it comes, its exit code. Whatever goes wrong in the page fails the run, with its text.

import { statSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const usage = `Usage: portalis-browser-run [options] program.mjs [arguments...]

Runs a program built by Emscripten with -pthread -sMODULARIZE -sEXPORT_ES6 -sEXIT_RUNTIME in headless Chromium.

  --timeout SECONDS   end it after so long (default: 300)
  --env NAME=VALUE    set a variable in the program's environment, which needs -sEXPORTED_RUNTIME_METHODS=ENV; repeatable
  --help
  --                  end of options

Exit code: the program's own; 134 if it or its page failed; 124 at the timeout; 2 for an error in the options.
CHROMIUM names the browser to use; without it, /usr/bin/chromium, or chromium or google-chrome on PATH.
`;

const blankPage = '<!doctype html><meta charset="utf-8"><title>portalis-browser-run</title><link rel="icon" href="data:,">';
const blankPath = '/.portalis-browser-run';
const flushMs = 1000; // for the page to pass on its last output, if it still answers

const exitCode = { usage: 2, timeout: 124, failure: 134 };
const oldestNode = 20;

/** What ends the run other than by the program's own exit. */
class RunError extends Error {
  constructor(text, code = exitCode.failure) {
    super(text);
    this.code = code;
  }
}

function parseCommandLine(argv) {
  const options = {
    timeout: { type: 'string', default: '300' },
    env: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', short: 'h' },
  };
  // Options end at the first word that is not one: the rest is the program's.
  const { tokens } = parseArgs({ args: argv, options, strict: false, tokens: true });
  const first = tokens.find((token) => token.kind !== 'option');
  const end = first?.index ?? argv.length;
  const rest = argv.slice(first?.kind === 'option-terminator' ? end + 1 : end);
  const { values } = parseOwn(argv.slice(0, end), options);
  if (values.help) return { help: true };
  return { ...checkProgram(rest), timeout: seconds(values.timeout), env: environment(values.env) };
}

function parseOwn(args, options) {
  try {
    return parseArgs({ args, options });
  } catch (error) {
    throw new RunError(`${error.message.split('\n')[0].replace(/\. To specify.*$/, '')}; see --help`, exitCode.usage);
  }
}

function checkProgram([path, ...args]) {
  if (path === undefined) throw new RunError('no program given; see --help', exitCode.usage);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new RunError(`no such file: ${path}`, exitCode.usage);
  return { program: resolve(path), args };
}

function seconds(text) {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < 2e6)) {
    throw new RunError(`--timeout ${text}: expected a number of seconds`, exitCode.usage);
  }
  return value;
}

function environment(settings) {
  return Object.fromEntries(settings.map((setting) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
    if (name === undefined) throw new RunError(`--env ${setting}: expected NAME=VALUE`, exitCode.usage);
    return [name, value];
  }));
}

function routes(request, response) {
  if (request.url !== blankPath) return false;
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
  response.end(blankPage);
  return true;
}

/** Resolves to the program's exit code; rejects with RunError, or another error from the browser. */
async function run({ program, args, env, timeout }) {
  const { openPage, SetupError } = await import('./browser.mjs');
  const { startProgram } = await import('./page.mjs');
  const timedOut = after(timeout);
  const opening = openPage(dirname(program), blankPath, { routes });
  opening.catch(() => {}); // in case the timeout is first
  const { page, failed } = await Promise.race([opening, timedOut]).catch((error) => {
    throw error instanceof SetupError ? new RunError(error.message, exitCode.usage) : error;
  });
  const ended = new Promise((done, reject) => {
    const end = (code, text) => text ? reject(new RunError(text)) : done(code & 0xff);
    page.exposeFunction('portalisLines', writeLines)
      .then(() => page.exposeFunction('portalisEnd', end))
      .then(() => page.evaluate(startProgram, {
        url: `/${encodeURIComponent(basename(program))}`, name: basename(program), args, env,
      }))
      // Later than `failed`, which says better why the page does not answer.
      .catch((error) => setTimeout(reject, 200, error));
  });
  try {
    return await Promise.race([ended, failed, timedOut]);
  } catch (error) {
    const flushed = page.evaluate(() => globalThis.portalisFlush?.()).catch(() => {});
    await Promise.race([flushed, new Promise((done) => setTimeout(done, flushMs))]);
    throw error;
  }
}

function after(timeout) {
  const expired = new Promise((_, reject) => {
    setTimeout(() => reject(new RunError(`still running after ${timeout} s (see --timeout)`, exitCode.timeout)), timeout * 1000);
  });
  expired.catch(() => {}); // it may come when nobody waits any more
  return expired;
}

function writeLines(lines) {
  for (const [stream, text] of lines) (stream === 1 ? process.stdout : process.stderr).write(`${text}\n`);
}

// By process.exit() in each case: it ends Chromium and removes its files.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}
try {
  if (Number.parseInt(process.versions.node, 10) < oldestNode) throw new RunError(`Node ${oldestNode} or newer is needed`, exitCode.usage);
  const options = parseCommandLine(process.argv.slice(2));
  if (options.help) process.stdout.write(usage);
  else process.exit(await run(options));
} catch (error) {
  const text = error.code === 'ERR_MODULE_NOT_FOUND'
    ? `${error.message.split('\n')[0]}; run "npm ci --ignore-scripts" in ${import.meta.dirname}` : error.message;
  process.stderr.write(`portalis-browser-run: ${text}\n`);
  process.exit(error.code === 'ERR_MODULE_NOT_FOUND' ? exitCode.usage : error instanceof RunError ? error.code : exitCode.failure);
}
