#!/usr/bin/env node
// demo.mjs: runs the word count program of each target over the same files, with one thread and with several, and
// compares what they find and how long they take. `make demo` runs it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.dirname(path.dirname(HERE));
const LICENSES = '/usr/share/common-licenses';

const HELP = `Usage: node examples/wordcount/demo.mjs [options] [file...]
Counts the words of the files on each target, with one thread and with several, and compares results and times.
Without files: all of ${LICENSES}, its links to other files there included.
  --targets LIST   of native,wasi,browser (default: all three)
  --threads N      how many threads "several" is, 1 to 64 (default: the processors that can be used, 2 to 8)
  --rounds R       how often each run does the whole work, for the median time (default: 201 for less than 1 MB,
                   21 for less than 16 MB, else 3)
  --build DIR      where the presets build; the page's screenshot goes to DIR/demo.png (default: build)
  --timeout S      seconds after which a run counts as hanging (default: 900)
  --help           print this
Exit code: 0 if all targets agree, 1 if one failed or they differ, 2 for wrong usage or unreadable files.
With make: make demo INPUT="a.txt b.txt"`;

// A mistake of the user's, and a failure of the programs'.
class Usage extends Error {}
class Failure extends Error {}

const tell = (text) => process.stderr.write(`demo: ${text}\n`);

// ---- Options and input -----------------------------------------------------------------------

function wholeNumber(text, name, most) {
  if (!/^\d+$/.test(text) || Number(text) < 1 || Number(text) > most)
    throw new Usage(`${name} wants a whole number from 1 to ${most}, not '${text}'`);
  return Number(text);
}

function readOptions() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        targets: { type: 'string', default: 'native,wasi,browser' },
        threads: { type: 'string', default: `${Math.min(8, Math.max(2, availableParallelism()))}` },
        rounds: { type: 'string' },
        build: { type: 'string', default: path.join(ROOT, 'build') },
        timeout: { type: 'string', default: '900' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new Usage(`${error.message.split('. ')[0]}; try --help`);
  }
  const { values, positionals } = parsed;
  const targets = values.targets.split(',').filter(Boolean);
  const unknown = targets.find((target) => !TARGETS[target]);
  if (unknown || targets.length === 0)
    throw new Usage(`--targets: ${unknown ?? 'none given'}; there are ${Object.keys(TARGETS)}`);
  return {
    help: values.help,
    targets: Object.keys(TARGETS).filter((target) => targets.includes(target)),
    threads: wholeNumber(values.threads, '--threads', 64),
    rounds: values.rounds && wholeNumber(values.rounds, '--rounds', 1000),
    build: path.resolve(values.build),
    timeout: wholeNumber(values.timeout, '--timeout', 86400),
    names: positionals,
  };
}

function whatIsWrong(name) {
  try {
    const found = statSync(name);
    if (found.isDirectory()) return 'is a directory';
    if (!found.isFile()) return 'is not a regular file';
    accessSync(name, constants.R_OK);
    return undefined;
  } catch (error) {
    return { ENOENT: 'no such file', EACCES: 'permission denied' }[error.code] ?? error.message;
  }
}

// The files, as { name, real, size }: real is without links, so that nothing leads out of a folder lent to WASI.
function readInput(names) {
  if (names.length === 0) {
    if (!existsSync(LICENSES)) throw new Usage(`${LICENSES} is not there: name files to count`);
    names = readdirSync(LICENSES).sort().map((name) => path.join(LICENSES, name)).filter((name) => !whatIsWrong(name));
  }
  const problems = names.map((name) => [name, whatIsWrong(name)]).filter(([, problem]) => problem);
  if (problems.length > 0) throw new Usage(problems.map(([name, problem]) => `${name}: ${problem}`).join('\n'));
  return names.map((name) => ({ name, real: realpathSync(name), size: statSync(name).size }));
}

// ---- Results ---------------------------------------------------------------------------------

// Takes a full result in pieces: hashes it, and keeps the first lines.
class Result {
  hash = createHash('sha256');
  lines = [];
  line = [];

  take(piece) {
    this.hash.update(piece);
    for (let i = 0; i < piece.length && this.lines.length < 10; i++) {
      if (piece[i] === 10) {
        this.lines.push(Buffer.from(this.line).toString());
        this.line = [];
      } else if (this.line.length < 200) {
        this.line.push(piece[i]);
      }
    }
  }

  // What the program said of itself, and what it wrote.
  with(summary) {
    const top = this.lines.map((line) => line.split('\t')).map(([count, word]) => ({ count: Number(count), word }));
    return { ...summary, sha256: this.hash.digest('hex'), top };
  }
}

// "threads=2 words=48524 ..." as an object of numbers.
function readSummary(line) {
  const pairs = (line ?? '').split(' ').map((pair) => pair.split('='));
  const summary = Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)]));
  for (const name of ['threads', 'words', 'distinct', 'bytes', 'ms']) {
    if (!Number.isFinite(summary[name])) throw new Failure(`the program's summary has no ${name}: '${line}'`);
  }
  return summary;
}

// ---- Targets that are run by a command ---------------------------------------------------------

// Run a command to its end. Each piece of its stdout goes to take; resolves to the lines of its stderr.
function runCommand([program, ...args], timeout, take) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(kill, timeout * 1000);
    process.on('exit', kill);
    let errors = '';
    child.stdout.on('data', take);
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', kill);
      if (code === 0) resolve(errors.split('\n').filter(Boolean));
      else reject(new Failure(`${errors}${signal ? `ended by ${signal}` : `exit code ${code}`}` +
        (signal === 'SIGKILL' ? `, perhaps after ${timeout} s` : '')));
    });
  });
}

async function countByCommand(command, task, threads) {
  const result = new Result();
  const args = ['--threads', `${threads}`, '--rounds', `${task.rounds}`, '--out', '-', '--'];
  const lines = await runCommand([...command, ...args, ...task.files.map((file) => file.real)], task.timeout,
    (piece) => result.take(piece));
  const summary = lines.findIndex((line) => line.startsWith('threads='));
  lines.filter((_, i) => i !== summary).forEach(tell); // such as: going on with fewer threads
  return result.with(readSummary(lines[summary]));
}

async function runByCommand(target, command, task) {
  const one = await step(`${target}, one thread`, countByCommand(command, task, 1));
  const many = await step(`${target}, ${some(task.threads, 'thread')}`, countByCommand(command, task, task.threads));
  return { target, one, many };
}

function runNative(program, task) {
  return runByCommand('native', [program], task);
}

function runWasi(program, task) {
  const folders = [...new Set(task.files.map((file) => path.dirname(file.real)))];
  const runner = path.join(ROOT, 'src/wasi/host/portalis-wasi-run.mjs');
  const preopens = folders.flatMap((folder) => ['--dir', folder]);
  return runByCommand('wasi', [process.execPath, runner, ...preopens, program], task);
}

// ---- The browser -------------------------------------------------------------------------------

// What the page asks for: the task, the input files, the program, and to take its results.
function pageRoutes(program, task, rows, results, sendFile) {
  const numbers = ({ threads, words, distinct, ms }) => ({ threads, words, distinct, ms });
  const job = {
    threads: task.threads,
    rounds: task.rounds,
    rows: rows.map(({ target, one, many }) => ({ target, one: numbers(one), many: numbers(many) })),
    files: task.files.map(({ name, size }, i) => ({ name: path.basename(name), size, url: `input/${i}` })),
  };
  return async (request, response) => {
    const [, kind, which] = request.url.split('/');
    if (kind === 'demo.json') {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(job));
    } else if (kind === 'input' && task.files[which]) {
      await sendFile(request, response, task.files[which].real);
    } else if (kind === 'wordcount.mjs' || kind === 'wordcount.wasm') {
      await sendFile(request, response, path.join(path.dirname(program), kind));
    } else if (kind === 'result' && request.method === 'POST') {
      results[which] = new Result();
      for await (const piece of request) results[which].take(piece);
      response.writeHead(204).end();
    } else {
      return false;
    }
    return true;
  };
}

async function importBrowser() {
  try {
    const { openPage } = await import('../../src/browser/host/browser.mjs');
    const { sendFile } = await import('../../src/browser/host/serve.mjs');
    return { openPage, sendFile };
  } catch (error) {
    throw new Failure(`${error.message}\nrun: make setup`);
  }
}

async function runBrowser(program, task, rows) {
  const { openPage, sendFile } = await importBrowser();
  const results = {};
  const routes = pageRoutes(program, task, rows, results, sendFile);
  const opened = await openPage(path.join(HERE, 'page'), '/', { routes, viewport: { width: 1000, height: 700 } });
  try {
    const finished = opened.page.evaluate(() => globalThis.finished);
    const summaries = await step(`browser, one thread and ${some(task.threads, 'thread')}`,
      within(task.timeout, Promise.race([finished, opened.failed])));
    mkdirSync(task.build, { recursive: true });
    await opened.page.screenshot({ path: path.join(task.build, 'demo.png') });
    const whole = (threads, summary) => results[threads].with(summary);
    const one = whole(1, summaries.one);
    return { target: 'browser', one, many: task.threads === 1 ? one : whole(task.threads, summaries.many) };
  } finally {
    await opened.close();
  }
}

// ---- Waiting -----------------------------------------------------------------------------------

// Tells what is going on if it takes more than a second.
async function step(what, promise) {
  const timer = setTimeout(() => tell(`${what} ...`), 1000);
  return promise.finally(() => clearTimeout(timer));
}

function within(seconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failure(`still running after ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// ---- The report ----------------------------------------------------------------------------------

const whole = (number) => number.toLocaleString('en-US');
const some = (number, what) => `${whole(number)} ${what}${number === 1 ? '' : 's'}`;
const milliseconds = (number) => number.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

// Columns as wide as their widest cell; names to the left, numbers to the right.
function printTable(rows, leftColumns) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (leftColumns.includes(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
    console.log(cells.join('  ').trimEnd());
  }
}

function printComparison(rows, threads) {
  const times = ['1 thread, ms', `${some(threads, 'thread')}, ms`, 'speed-up'];
  printTable([
    ['target', 'threads', 'words', 'distinct words', 'SHA-256 of result', ...times],
    ...rows.map(({ target, one, many }) => [target, whole(many.threads), whole(many.words), whole(many.distinct),
      many.sha256.slice(0, 16), milliseconds(one.ms), milliseconds(many.ms), `${(one.ms / many.ms).toFixed(2)}x`]),
  ], [0, 4]);
}

// What a reader should know before drawing conclusions from the times.
function printNotes(bytes, load) {
  const processors = availableParallelism();
  const notes = [];
  if (bytes < 4e6)
    notes.push('So little text takes little longer to count than to hand out: name larger files to see threads pay.');
  if (load > processors)
    notes.push(`The machine was busy with other work (load ${load.toFixed(1)} on ${some(processors, 'processor')}): ` +
      'the times say little.');
  if (notes.length > 0) console.log(`\n${notes.join('\n')}`);
}

function printTop(top) {
  console.log('\nMost frequent words:');
  // Words are any bytes from 0x80 up, some of which would control a terminal.
  const shown = (word) => (word.length > 60 ? `${word.slice(0, 60)}...` : word).replace(/\p{C}/gu, '\u{fffd}');
  printTable(top.map(({ count, word }) => ['', whole(count), shown(word)]), [2]);
}

// Every run must have found the same.
function checkAgreement(rows) {
  const runs = rows.flatMap(({ target, one, many }) => [{ target, ...one }, { target, ...many }]);
  const same = ({ sha256, words, distinct, bytes }) => [sha256, words, distinct, bytes].join();
  if (new Set(runs.map(same)).size === 1) return runs[0].sha256;
  const lines = runs.map(({ target, threads, words, distinct, bytes, sha256 }) =>
    `  ${target}, ${some(threads, 'thread')}: ${sha256}, ${words} words, ${distinct} distinct, ${bytes} bytes`);
  throw new Failure(`the results differ:\n${lines.join('\n')}`);
}

// ---- The demo ------------------------------------------------------------------------------------

const TARGETS = {
  native: { program: 'native/examples/wordcount', run: runNative },
  wasi: { program: 'wasi/examples/wordcount.wasm', run: runWasi },
  browser: { program: 'browser/examples/wordcount.mjs', run: runBrowser },
};

function findPrograms(targets, build) {
  const missing = targets.filter((target) => !existsSync(path.join(build, TARGETS[target].program)));
  if (missing.length > 0)
    throw new Usage(missing.map((target) => `${path.join(build, TARGETS[target].program)} is not built; ` +
      `run: cmake --preset ${target} && cmake --build --preset ${target}`).join('\n'));
}

async function main() {
  const options = readOptions();
  if (options.help) return console.log(HELP);
  const files = readInput(options.names);
  findPrograms(options.targets, options.build);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const rounds = options.rounds ?? (bytes < 1e6 ? 201 : bytes < 16e6 ? 21 : 3);
  const from = options.names.length === 0 ? ` in ${LICENSES}, links followed` : '';
  console.log(`${some(files.length, 'file')}${from}, ${some(bytes, 'byte')}; median of ${some(rounds, 'round')}\n`);

  const load = loadavg()[0]; // before we add to it
  const rows = [];
  for (const target of options.targets) {
    const { program, run } = TARGETS[target];
    try {
      rows.push(await run(path.join(options.build, program), { ...options, files, rounds }, rows));
    } catch (error) {
      throw new Failure(`${target}: ${error.message}`);
    }
  }
  printComparison(rows, options.threads);
  printNotes(bytes, load);
  const sha256 = checkAgreement(rows);
  console.log(`\nSHA-256 of every result, all targets, 1 and ${some(options.threads, 'thread')}: ${sha256}`);
  printTop(rows[0].one.top);
  if (options.targets.includes('browser'))
    console.log(`\nThe page as it looked: ${path.join(options.build, 'demo.png')}`);
}

// Leaving by exit() takes programs and browser along.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));

try {
  await main();
} catch (error) {
  const known = error instanceof Usage || error instanceof Failure;
  (known ? error.message : error.stack).split('\n').forEach(tell);
  process.exitCode = error instanceof Usage ? 2 : 1;
}
