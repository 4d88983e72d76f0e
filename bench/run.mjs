#!/usr/bin/env node
// run.mjs: runs our bench program and the peers' in turn, several rounds on each target that is built, and
// compares the medians: a table on the terminal, results.tsv and report.html beside it. See README.md.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reportPage } from './report.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

// The targets in the order of the table: what their programs' names end in, and what runs them.
const TARGETS = {
  native: { suffix: '', runner: [] },
  wasi: { suffix: '.wasm', runner: [process.execPath, path.join(ROOT, 'src/wasi/host/portalis-wasi-run.mjs')] },
  browser: { suffix: '.mjs', runner: [process.execPath, path.join(ROOT, 'src/browser/host/portalis-browser-run.mjs')] },
};

// The programs in the order in which they take turns; ours first. The key is what each prints as its name.
const PROGRAMS = { portalis: 'pt_bench', pthread: 'pt_bench_peer_pthread' };
const OURS = 'portalis';

const HELP = `Usage: node bench/run.mjs [options]
Runs our bench program and the peers' in turn and compares the medians.
  --targets LIST   of native,wasi,browser; one that is asked for must be built (default: those that are built)
  --rounds N       how often each program runs, 1 to 1000 (default 7)
  --filter LIST    only metrics whose name contains one of these texts; may be repeated
  --pin            tie threads to processors, see README.md; native only
  --quick          short rounds: shows that everything runs, not how fast
  --build DIR      where the presets build; results go to DIR/bench (default build)
  --timeout S      seconds after which a program counts as hanging (default 900)
  --help           print this`;

class Problem extends Error {}
class UsageProblem extends Problem {}

// ---- Options -----------------------------------------------------------------------------------

function wholeNumber(text, name, most) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new UsageProblem(`${name} wants a whole number from 1 to ${most}, not "${text}"`);
  return number;
}

function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        targets: { type: 'string' },
        rounds: { type: 'string', default: '7' },
        filter: { type: 'string', multiple: true, default: [] },
        pin: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        build: { type: 'string', default: path.join(ROOT, 'build') },
        timeout: { type: 'string', default: '900' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageProblem(error.message);
  }
  const asked = values.targets === undefined ? undefined : [...new Set(values.targets.split(',').filter(Boolean))];
  for (const name of asked ?? []) {
    if (!(name in TARGETS))
      throw new UsageProblem(`there is no target "${name}", only ${Object.keys(TARGETS).join(', ')}`);
  }
  if (asked?.length === 0)
    throw new UsageProblem('--targets names none');
  const all = values.pin ? ['native'] : Object.keys(TARGETS);
  return {
    ...values,
    targets: asked ?? all,
    explicit: asked !== undefined,
    rounds: wholeNumber(values.rounds, '--rounds', 1000),
    timeout: wholeNumber(values.timeout, '--timeout', 1e6),
    filter: values.filter.flatMap((list) => list.split(',')).filter(Boolean),
    build: path.resolve(values.build),
  };
}

// ---- Running one program -----------------------------------------------------------------------

// One line that is written over on a terminal; elsewhere each new text is a line of its own.
const progress = {
  last: '',
  show(text, detail = '') {
    if (process.stderr.isTTY)
      process.stderr.write(`\r\x1b[K${`${text}  ${detail}`.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    else if (text !== this.last)
      process.stderr.write(`${text}\n`);
    this.last = text;
  },
  clear() {
    if (process.stderr.isTTY && this.last !== '')
      process.stderr.write('\r\x1b[K');
  },
};

// Resolves to the lines of standard output, split at tabs. A program that fails, or hangs, fails the whole run.
function run(program, args, options, onProgress = () => {}) {
  const command = [...program.runner, program.file, ...args];
  return new Promise((resolve, reject) => {
    let out = '', err = '', hung = false;
    const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    const watchdog = setTimeout(() => {
      hung = true;
      child.kill();
      setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
    }, options.timeout * 1000);
    const fail = (how) => {
      clearTimeout(watchdog);
      const said = [out, err].map((text) => text.trim()).filter(Boolean).join('\n');
      reject(new Problem(`${command.join(' ')}\n${how}${said === '' ? '; it printed nothing' : `; it printed:\n${said}`}`));
    };
    child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text;
      onProgress(text.trim().split('\n').at(-1));
    });
    child.on('error', (error) => fail(`could not be started: ${error.message}`));
    child.on('close', (code, signal) => {
      if (hung)
        return fail(`did not end within ${options.timeout} s`);
      if (code !== 0)
        return fail(signal ? `was ended by ${signal}` : `failed with status ${code}`);
      clearTimeout(watchdog);
      resolve(out.split('\n').filter(Boolean).map((line) => line.split('\t')));
    });
  });
}

// ---- Targets and their programs ----------------------------------------------------------------

// Why the target cannot be run, or null; and its programs, each with the metrics that it has and that are wanted.
async function inspectTarget(name, options) {
  const target = { name, programs: [], folder: path.join(options.build, name, 'bench') };
  const { suffix, runner } = TARGETS[name];
  const missing = [...Object.values(PROGRAMS).map((program) => path.join(target.folder, program + suffix)),
    ...runner.slice(1)].find((file) => !existsSync(file));
  if (missing !== undefined)
    return { ...target, unavailable: `not built: ${path.relative(process.cwd(), missing)} is missing` };

  for (const [library, program] of Object.entries(PROGRAMS)) {
    const file = path.join(target.folder, program + suffix);
    const all = (await run({ runner, file }, ['--list'], options))
      .map(([metric, unit, better, what]) => ({ metric, unit, better, what }));
    const metrics = all.filter(({ metric }) =>
      options.filter.length === 0 || options.filter.some((text) => metric.includes(text)));
    target.programs.push({ library, file, runner, metrics });
  }
  return target;
}

function warnOfSlowBuild(name, options) {
  const cache = readText(path.join(options.build, name, 'CMakeCache.txt'));
  const value = (key) => cache.match(new RegExp(`^${key}:[A-Z]+=(.*)$`, 'm'))?.[1] ?? '';
  if (cache !== '' && (!/^Rel|^MinSizeRel/.test(value('CMAKE_BUILD_TYPE')) || value('PT_SANITIZE') !== ''))
    console.error(`${name}: this build is for finding faults, not for speed; its figures mean little`);
}

// Each program once a round, A B A B, so that a slow minute of the machine hits all of them.
async function measureTarget(target, options) {
  const samples = new Map(); // library and metric -> a value a round
  for (let round = 1; round <= options.rounds; round++) {
    for (const program of target.programs) {
      if (program.metrics.length === 0)
        continue;
      const text = `${target.name}, round ${round} of ${options.rounds}: ${program.library}`;
      progress.show(text);
      const args = ['--progress', ...(options.quick ? ['--quick'] : []), ...(options.pin ? ['--pin'] : []),
        ...options.filter.flatMap((part) => ['--filter', part])];
      const lines = await run(program, args, options, (line) => progress.show(text, line));
      for (const [library, metric, value] of lines) {
        const key = `${library} ${metric}`;
        if (!Number.isFinite(Number(value)))
          throw new Problem(`${program.file} printed a line that is not a result: ${library} ${metric} ${value}`);
        samples.set(key, [...(samples.get(key) ?? []), Number(value)]);
      }
      const lost = program.metrics.find(({ metric }) => samples.get(`${program.library} ${metric}`)?.length !== round);
      if (lost !== undefined)
        throw new Problem(`${program.file} lists ${lost.metric} but printed no value for it`);
    }
  }
  return samples;
}

// ---- Comparing ---------------------------------------------------------------------------------

// The value below which the fraction p of them lie, between two neighbours in proportion.
function quantile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = p * (sorted.length - 1), low = Math.floor(at);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}

function summary(values) {
  return { median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75), rounds: values.length };
}

// Who is better, and how sure that is: where the middle halves of the rounds overlap, nobody is.
function verdict(ours, peer, better, peerName) {
  if (ours.low <= peer.high && peer.low <= ours.high)
    return 'level';
  return (ours.median < peer.median) === (better === 'lower') ? 'ours' : peerName;
}

// One row for each metric that we have and each peer that has it too.
function compare(target, samples) {
  const rows = [];
  const ours = target.programs.find(({ library }) => library === OURS);
  for (const { metric, unit, better, what } of ours.metrics) {
    for (const peer of target.programs) {
      if (peer === ours || !peer.metrics.some((other) => other.metric === metric))
        continue;
      const a = summary(samples.get(`${OURS} ${metric}`)), b = summary(samples.get(`${peer.library} ${metric}`));
      rows.push({ target: target.name, metric, unit, better, what, peerName: peer.library, ours: a, peer: b,
        ratio: a.median / b.median, winner: verdict(a, b, better, peer.library) });
    }
  }
  return rows;
}

// ---- Writing -----------------------------------------------------------------------------------

function figure(value) {
  if (!Number.isFinite(value))
    return '-';
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

function printTable(rows) {
  const cells = [['target', 'metric', 'unit', 'ours', 'peer', 'ratio', 'better', 'who wins'],
    ...rows.map((row) => [row.target, row.metric, row.unit, figure(row.ours.median), figure(row.peer.median),
      figure(row.ratio), row.better === 'lower' ? 'v lower' : '^ higher', row.winner])];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  const isNumber = [false, false, false, true, true, true, false, false];
  for (const line of cells) {
    console.log(line.map((text, column) =>
      isNumber[column] ? text.padStart(widths[column]) : text.padEnd(widths[column])).join('  ').trimEnd());
  }
  const peers = [...new Set(rows.map(({ peerName }) => peerName))].join(', ');
  console.log(`peer: ${peers}. ratio: ours / peer, of medians. level: the middle halves of the rounds overlap.`);
}

function writeTsv(file, rows) {
  const lines = [['target', 'metric', 'unit', 'better', 'rounds', 'ours', 'ours_low', 'ours_high', 'peer_name', 'peer',
    'peer_low', 'peer_high', 'ratio', 'winner'],
    ...rows.map((row) => [row.target, row.metric, row.unit, row.better, row.ours.rounds, row.ours.median, row.ours.low,
      row.ours.high, row.peerName, row.peer.median, row.peer.low, row.peer.high, row.ratio, row.winner]
      .map((value) => (typeof value === 'number' ? String(Number(value.toPrecision(6))) : value)))];
  writeFileSync(file, lines.map((line) => `${line.join('\t')}\n`).join(''));
}

// ---- Where it was measured ---------------------------------------------------------------------

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function compilerOf(name, options) {
  const folder = path.join(options.build, name, 'CMakeFiles');
  for (const version of existsSync(folder) ? readdirSync(folder) : []) {
    const text = readText(path.join(folder, version, 'CMakeCCompiler.cmake'));
    const value = (key) => text.match(new RegExp(`set\\(${key} "(.*)"\\)`))?.[1];
    if (text !== '') {
      const type = readText(path.join(options.build, name, 'CMakeCache.txt')).match(/^CMAKE_BUILD_TYPE:\w+=(.*)$/m)?.[1];
      return `${value('CMAKE_C_COMPILER_ID')} ${value('CMAKE_C_COMPILER_VERSION')}, ${type || 'no build type'}`;
    }
  }
  return 'unknown compiler';
}

function commit() {
  const git = spawnSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], { cwd: ROOT, encoding: 'utf8' });
  return git.status === 0 ? git.stdout.trim() : 'none yet';
}

function circumstances(options, targets) {
  const processors = os.cpus();
  return [
    ['Machine', `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown processor'}, ${os.type()} ${os.release()}`],
    ...targets.map(({ name }) => [`Compiler, ${name}`, compilerOf(name, options)]),
    ['Node', process.version],
    ['Commit', commit()],
    ['Rounds', `${options.rounds}${options.quick ? ', quick: the figures mean little' : ''}`],
    ['Made', new Date().toISOString().replace(/\.\d+/, '')],
    ['By', ['node', 'bench/run.mjs', ...process.argv.slice(2)].join(' ')],
  ];
}

// ---- All of it ---------------------------------------------------------------------------------

async function main() {
  const options = readOptions();
  if (options.help)
    return console.log(HELP);

  const measured = [], unavailable = [], rows = [];
  for (const name of options.targets) {
    const target = await inspectTarget(name, options);
    if (target.unavailable) {
      unavailable.push(target);
      console.error(`${name}: ${target.unavailable}`);
      continue;
    }
    warnOfSlowBuild(name, options);
    rows.push(...compare(target, await measureTarget(target, options)));
    measured.push(target);
  }
  progress.clear();
  if (measured.length === 0)
    throw new Problem('nothing to measure: build first, as in cmake --preset native && cmake --build --preset native');
  if (rows.length === 0)
    throw new Problem(`no metric has a name with ${options.filter.join(' or ')}`);

  printTable(rows);
  const folder = path.join(options.build, 'bench');
  mkdirSync(folder, { recursive: true });
  writeTsv(path.join(folder, 'results.tsv'), rows);
  writeFileSync(path.join(folder, 'report.html'), reportPage(rows, circumstances(options, measured), figure));
  console.log(`Written: ${['results.tsv', 'report.html'].map((file) => path.relative(process.cwd(), path.join(folder, file))).join(', ')}`);
  if (options.explicit && unavailable.length > 0)
    throw new Problem(`asked for but not measured: ${unavailable.map(({ name }) => name).join(', ')}`);
}

main().catch((error) => {
  progress.clear();
  console.error(error instanceof Problem ? `bench: ${error.message}` : error);
  process.exitCode = error instanceof UsageProblem ? 2 : 1;
});
