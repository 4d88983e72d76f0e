#!/usr/bin/env node
// run.mjs: runs our bench program and the peers' in turn, several rounds on each target that is built, and compares the
// medians: tables on the terminal, results.tsv and report.html beside them. See README.md.
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

const OF_A_TEAM = { metrics: ['pool_1M_tasks_ms'],
  why: 'who makes the tasks is one of the two that run them, and may run one at once where it would have to be queued' };

// The programs in the order in which they take turns; ours first. The key is what each prints as its name.
// targets: where there can be one, if not everywhere. pins: whether it knows --pin. aside: metrics by which it is not
// compared with others, and why.
const PROGRAMS = {
  portalis: { file: 'pt_bench' },
  pthread: { file: 'pt_bench_peer_pthread' },
  glib: { file: 'pt_bench_peer_glib', targets: ['native'] },
  libuv: { file: 'pt_bench_peer_libuv', targets: ['native'] },
  msgpack: { file: 'pt_bench_peer_msgpack', targets: ['native'] },
  nanopb: { file: 'pt_bench_peer_nanopb', targets: ['native'] },
  parking_lot: { file: 'pt_bench_peer_parking_lot', targets: ['native'] },
  rust_std: { file: 'pt_bench_peer_rust_std', targets: ['native'] },
  crossbeam: { file: 'pt_bench_peer_crossbeam', targets: ['native'] },
  rayon: { file: 'pt_bench_peer_rayon', targets: ['native'] },
  go: { file: 'pt_bench_peer_go', targets: ['native'], pins: false,
    aside: { metrics: ['cond_pingpong_us', 'chan_pingpong_us', 'chan_rendezvous_us', 'pool_submit_wait_us'],
      why: 'goroutines take turns without the system, as no threads can' } },
  tbb: { file: 'pt_bench_peer_tbb', targets: ['native'] },
  libgomp: { file: 'pt_bench_peer_libgomp', targets: ['native'], aside: OF_A_TEAM },
  libomp: { file: 'pt_bench_peer_libomp', targets: ['native'], aside: OF_A_TEAM },
  apr: { file: 'pt_bench_peer_apr', targets: ['native'] },
  ck: { file: 'pt_bench_peer_ck', targets: ['native'],
    aside: { metrics: ['chan_spsc_1024_Mmsgs', 'chan_pingpong_us'],
      why: 'its ends cannot sleep: they try again and again, and yield the processor in between' } },
  python: { file: 'pt_bench_peer_python', targets: ['native'], pins: false },
  serial: { file: 'pt_bench_peer_serial',
    aside: { metrics: ['forkjoin_serial_ms', 'parfor_10M_ms', 'parfor_tiny_us'], why: 'it is one thread, and no pool' } },
  postmessage: { file: 'pt_bench_peer_postmessage', targets: ['browser'] },
};
const OURS = 'portalis';

const HELP = `Usage: node bench/run.mjs [options]
Runs our bench program and the peers' in turn and compares the medians.
  --targets LIST   of native,wasi,browser; one that is asked for must be built (default: those that are built)
  --programs LIST  of ${Object.keys(PROGRAMS).join(',')}
                   (default: those that are built)
  --rounds N       how often each program runs, 1 to 1000 (default 7)
  --filter LIST    only metrics whose name contains one of these texts; may be repeated
  --pin            tie threads to processors, see README.md; native only, without go and python
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

// The names of a list that was asked for, or undefined if none was.
function namesOf(list, name, known) {
  if (list === undefined)
    return undefined;
  const names = [...new Set(list.split(',').filter(Boolean))];
  if (names.length === 0)
    throw new UsageProblem(`--${name}s names none`);
  const unknown = names.find((one) => !Object.hasOwn(known, one));
  if (unknown !== undefined)
    throw new UsageProblem(`there is no ${name} "${unknown}", only ${Object.keys(known).join(', ')}`);
  return names;
}

function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        targets: { type: 'string' },
        programs: { type: 'string' },
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
  const asked = namesOf(values.targets, 'target', TARGETS);
  const programs = namesOf(values.programs, 'program', PROGRAMS);
  const all = values.pin ? ['native'] : Object.keys(TARGETS);
  return {
    ...values,
    targets: asked ?? all,
    explicit: asked !== undefined,
    programs: Object.keys(PROGRAMS).filter((name) => programs?.includes(name) ?? true),
    askedPrograms: programs ?? [],
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

// The programs that this target can have and that are wanted: library and file.
function programsOf(name, folder, options) {
  return options.programs.filter((library) => PROGRAMS[library].targets?.includes(name) ?? true)
    .map((library) => ({ library, file: path.join(folder, PROGRAMS[library].file + TARGETS[name].suffix) }));
}

// Those of the programs that can be run. Says of the others why not.
function runnable(name, programs, options) {
  const absent = programs.filter(({ file }) => !existsSync(file)).map(({ library }) => library);
  if (absent.length > 0)
    console.error(`${name}: not built, and left out: ${absent.join(', ')}; "make bench" installs what they need`);
  const loose = options.pin ? programs.filter(({ library }) => PROGRAMS[library].pins === false) : [];
  for (const { library } of loose)
    console.error(`${name}: left out, as it cannot tie its threads to processors: ${library}`);
  return programs.filter((program) => existsSync(program.file) && !loose.includes(program));
}

// Why the target cannot be run, or null; and its programs, each with the metrics that it has and that are wanted.
async function inspectTarget(name, options) {
  const target = { name, programs: [], folder: path.join(options.build, name, 'bench') };
  const { runner } = TARGETS[name];
  const wanted = programsOf(name, target.folder, options);
  if (wanted.length === 0)
    return { ...target, unavailable: `there is no ${options.programs.join(' or ')} for it`, impossible: true };
  // The first is ours, unless --programs leaves it out; then it is enough if any is built.
  const needed = wanted[0].library === OURS ? wanted[0] : wanted.find(({ file }) => existsSync(file)) ?? wanted[0];
  const missing = [needed.file, ...runner.slice(1)].find((file) => !existsSync(file));
  if (missing !== undefined)
    return { ...target, unavailable: `not built: ${path.relative(process.cwd(), missing)} is missing` };

  const programs = runnable(name, wanted, options);
  if (programs.length === 0)
    return { ...target, unavailable: 'nothing is left to measure' };
  for (const { library, file } of programs) {
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

// All metrics of the target's programs, in the order of the one that has most. They must mean the same by them.
function metricsOf(target) {
  const all = new Map();
  for (const { library, metrics } of [...target.programs].sort((a, b) => b.metrics.length - a.metrics.length)) {
    for (const one of metrics) {
      const known = all.get(one.metric) ?? one;
      if (known.unit !== one.unit || known.better !== one.better)
        throw new Problem(`${library}: ${one.metric} in ${one.unit}, ${one.better} is better; others say otherwise`);
      all.set(one.metric, known);
    }
  }
  return [...all.values()];
}

// One row for each metric: ours, if we have it, and the peers that have it, each with its ratio and who is better of
// the two; and the best of the peers.
function compare(target, samples) {
  return metricsOf(target).map(({ metric, unit, better, what }) => {
    const values = (library) => samples.get(`${library} ${metric}`);
    const figures = (library) => values(library) && summary(values(library));
    const ours = figures(OURS), peers = [];
    for (const { library } of target.programs) {
      const peer = library === OURS ? undefined : figures(library);
      if (peer !== undefined)
        peers.push({ name: library, ...peer, ratio: ours && ours.median / peer.median,
          winner: ours && verdict(ours, peer, better, library),
          aside: PROGRAMS[library].aside?.metrics.includes(metric) });
    }
    const sign = better === 'lower' ? 1 : -1;
    const best = peers.filter(({ aside }) => !aside).sort((a, b) => sign * (a.median - b.median))[0];
    return { target: target.name, metric, unit, better, what, ours, peers, best };
  });
}

// ---- Writing -----------------------------------------------------------------------------------

function figure(value) {
  if (!Number.isFinite(value))
    return '-';
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(3);
}

// What stands below the name of the best peer.
function standing({ ours, best }) {
  if (ours === undefined || best === undefined)
    return '';
  return { level: 'level', ours: 'ours wins' }[best.winner] ?? 'wins';
}

function peerOf(row, name) {
  return row.peers.find((peer) => peer.name === name);
}

// Two lines for each metric: the medians, and below each peer's the ratio.
function linesOf(row, peers) {
  const found = peers.map((name) => peerOf(row, name));
  const median = (peer) => (peer ? `${figure(peer.median)}${peer.aside ? '*' : ''}` : '-');
  const ratio = (peer) => (peer ? `${peer.winner === 'level' ? '~' : ''}${figure(peer.ratio)}` : '');
  return [
    [row.metric, row.better === 'lower' ? 'v' : '^', row.ours ? figure(row.ours.median) : '-', ...found.map(median),
      row.best?.name ?? '-'],
    ...(row.ours && row.peers.length > 0 ? [['  ours / peer', '', '', ...found.map(ratio), standing(row)]] : []),
  ];
}

function printTable(name, rows) {
  const peers = Object.keys(PROGRAMS).filter((program) => rows.some((row) => peerOf(row, program)));
  const lines = [[name, '', 'ours', ...peers, 'best peer'], ...rows.flatMap((row) => linesOf(row, peers))];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const isNumber = (column) => column > 1 && column < widths.length - 1;
  for (const line of lines) {
    console.log(line.map((text, column) =>
      (isNumber(column) ? text.padStart(widths[column]) : text.padEnd(widths[column]))).join('  ').trimEnd());
  }
  console.log();
}

// Of the figures that are marked as not to be compared, why they are not.
function notesOn(rows) {
  return Object.entries(PROGRAMS)
    .filter(([name]) => rows.some((row) => peerOf(row, name)?.aside))
    .map(([name, { aside }]) => {
      const metrics = aside.metrics.filter((metric) => rows.some((row) => row.metric === metric));
      return `${name}'s ${metrics.join(', ')} ${metrics.length > 1 ? 'are' : 'is'} not counted for the best peer: ${aside.why}.`;
    });
}

// Channels and pools have other peers than the rest: tables of their own, so that none has columns without figures.
const GROUPS = [/^chan_/, /^(forkjoin|pool|parfor|sort)_/];

function groupOf({ metric }) {
  return GROUPS.findIndex((pattern) => pattern.test(metric));
}

function printTables(rows) {
  for (const target of new Set(rows.map((row) => row.target))) {
    for (const group of [-1, ...GROUPS.keys()]) {
      const some = rows.filter((row) => row.target === target && groupOf(row) === group);
      if (some.length > 0)
        printTable(target, some);
    }
  }
  console.log('Medians, in the unit that ends the name. v: lower is better, ^: higher is better. ours / peer: ratio of\n'
    + 'medians; ~: level, the middle halves of the rounds overlap. Last: the best peer, and who wins, it or ours.');
  for (const note of notesOn(rows))
    console.log(`*: ${note}`);
}

function writeTsv(file, rows) {
  const number = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : '');
  const spread = (summary) => [number(summary?.median), number(summary?.low), number(summary?.high)];
  const lines = [['target', 'metric', 'unit', 'better', 'rounds', 'ours', 'ours_low', 'ours_high', 'peer_name', 'peer',
    'peer_low', 'peer_high', 'ratio', 'winner', 'best_peer'],
    ...rows.flatMap((row) => (row.peers.length > 0 ? row.peers : [undefined]).map((peer) =>
      [row.target, row.metric, row.unit, row.better, (peer ?? row.ours).rounds, ...spread(row.ours), peer?.name ?? '',
        ...spread(peer), number(peer?.ratio), peer?.winner ?? '', row.best?.name ?? '']))];
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
    throw new Problem('nothing to measure; to build: cmake --preset native && cmake --build --preset native');
  if (rows.length === 0)
    throw new Problem(`no metric has a name with ${options.filter.join(' or ')}`);

  printTables(rows);
  const folder = path.join(options.build, 'bench');
  mkdirSync(folder, { recursive: true });
  writeTsv(path.join(folder, 'results.tsv'), rows);
  const page = reportPage(rows, circumstances(options, measured), notesOn(rows), figure);
  writeFileSync(path.join(folder, 'report.html'), page);
  console.log(`Written: ${['results.tsv', 'report.html'].map((file) => path.relative(process.cwd(), path.join(folder, file))).join(', ')}`);
  const lost = options.askedPrograms.filter((name) =>
    !measured.some(({ programs }) => programs.some(({ library }) => library === name)));
  if (lost.length > 0)
    throw new Problem(`asked for but not measured: ${lost.join(', ')}`);
  const failed = unavailable.filter(({ impossible }) => !impossible).map(({ name }) => name);
  if (options.explicit && failed.length > 0)
    throw new Problem(`asked for but not measured: ${failed.join(', ')}`);
}

main().catch((error) => {
  progress.clear();
  console.error(error instanceof Problem ? `bench: ${error.message}` : error);
  process.exitCode = error instanceof UsageProblem ? 2 : 1;
});
