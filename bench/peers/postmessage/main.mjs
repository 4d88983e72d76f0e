// The browser's own channel: two Workers with a MessageChannel between them, as far as pt_bench.c has metrics for it. What
// each one means is said there. By the method of bench.c, with the same options and the same lines of output. It is run
// by portalis-browser-run like a module made by Emscripten, so it exports a function that takes what such modules take.
//
// A message is a number. A channel holds any number of them; there is no other. The Workers are started once: a warm-up is
// part of each measurement, as everywhere.

const RUNS = 9;
const FLOW_RUNS = 3;
const FLOW_UNIT = 4 * 32;

// ---- Options -----------------------------------------------------------------------------------

const HELP = `[options]
Measures, and prints a line for each metric: library, metric, value, unit.
  --list             only list the metrics: name, unit, which is better, what it is
  --filter TEXT,...  only metrics whose name contains one of the texts; may be repeated
  --rounds N         measure N times and print the median (default 1)
  --format tsv       fields separated by tabs, for programs (default)
  --format table     aligned, for people
  --quick            rounds of 0.01 s, not 0.2 s: shows that it runs, not how fast
  --progress         say on standard error what is being measured
  --help             print this`;

class UsageProblem extends Error {}

const WITH_VALUE = {
  '--filter': (options, value) => options.filters.push(...value.split(',').filter(Boolean)),
  '--rounds': (options, value) => {
    options.rounds = Number(value);
    if (!Number.isInteger(options.rounds) || options.rounds < 1 || options.rounds > 1000)
      throw new UsageProblem(`--rounds wants a number from 1 to 1000: ${value}`);
  },
  '--format': (options, value) => {
    if (!['tsv', 'table'].includes(value))
      throw new UsageProblem(`--format wants tsv or table: ${value}`);
    options.table = value === 'table';
  },
};

function readOptions(args) {
  const options = { filters: [], rounds: 1, table: false };
  for (let i = 0; i < args.length; i++) {
    const [, name, given] = /^([^=]*)(?:=(.*))?$/s.exec(args[i]);
    if (Object.hasOwn(WITH_VALUE, name)) {
      const value = given ?? args[++i];
      if (value === undefined)
        throw new UsageProblem(`option wants a value: ${name}`);
      WITH_VALUE[name](options, value);
    } else if (['--list', '--quick', '--progress', '--help'].includes(args[i])) {
      options[args[i].slice(2)] = true;
    } else {
      throw new UsageProblem(`unknown option: ${args[i]}`);
    }
  }
  return options;
}

// ---- Workers -----------------------------------------------------------------------------------

// One end of the channel: a Worker that does one thing at a time: do() resolves to what it answers.
class End {
  constructor(port) {
    this.worker = new Worker(new URL('./pt_bench_peer_postmessage_worker.mjs', import.meta.url), { type: 'module' });
    this.worker.postMessage({ port }, [port]);
  }

  do(what, ...numbers) {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => resolve(data);
      this.worker.onerror = (event) => reject(new Error(event.message || 'a Worker could not be started'));
      this.worker.postMessage({ what, numbers });
    });
  }
}

function openChannel() {
  const { port1, port2 } = new MessageChannel();
  return [new End(port1), new End(port2)];
}

// ---- Shapes ------------------------------------------------------------------------------------

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Milliseconds an operation. First raise n until a run takes its part of a round, which warms everything up, too. Twice
// in a row it must, since a single run may have taken long because somebody else had the processor.
async function calibratedMs(runs, quick, run) {
  const length = (quick ? 10 : 200) / runs, each = [];
  let n = 1, took;
  while ((took = await run(n)) < length / 2 || (took = await run(n)) < length / 2)
    n *= took < length / 20 ? 10 : 2;
  for (let i = 0; i < runs; i++)
    each.push(await run(n) / n);
  return median(each);
}

async function flowMmsgs([left, right], quick) {
  return FLOW_UNIT / 1e3 / await calibratedMs(FLOW_RUNS, quick, async (n) => {
    const total = n * FLOW_UNIT;
    const begin = performance.now();
    const received = right.do('receive', total);
    await left.do('send', total);
    const sum = await received;
    const took = performance.now() - begin;
    if (sum !== total * (total + 1) / 2)
      throw new Error('values were lost, doubled or changed on their way');
    return took;
  });
}

async function roundTripUs([left, right], quick) {
  return 1e3 * await calibratedMs(RUNS, quick, async (n) => {
    const ponged = right.do('pong', n);
    const took = await left.do('ping', n);
    await ponged;
    return took;
  });
}

// ---- All of them -------------------------------------------------------------------------------

// Names, units and the rest are those of ../../metrics.c; run.mjs checks that units and directions are the same.
const CASES = [
  { metric: 'chan_spsc_unbounded_Mmsgs', unit: 'Mmsgs', better: 'higher', measure: flowMmsgs,
    what: '1 producer, 1 consumer, 8-byte values, any number of them' },
  { metric: 'chan_pingpong_us', unit: 'us', better: 'lower', measure: roundTripUs,
    what: 'round trip of two threads over two channels with room for 1' },
];
const LIBRARY = 'postmessage';

async function runCases(cases, options, { print, printErr }) {
  const ends = openChannel();
  for (const [index, { metric, unit, measure }] of cases.entries()) {
    if (options.progress)
      printErr(`${LIBRARY}: ${metric} (${index + 1} of ${cases.length})`);
    const values = [];
    for (let round = 0; round < options.rounds; round++)
      values.push(await measure(ends, options.quick));
    const value = median(values).toFixed(3);
    print(options.table ? `${LIBRARY.padEnd(11)} ${metric.padEnd(28)} ${value.padStart(12)} ${unit}`
      : [LIBRARY, metric, value, unit].join('\t'));
  }
}

async function run(program) {
  const options = readOptions(program.arguments);
  const cases = CASES.filter(({ metric }) =>
    options.filters.length === 0 || options.filters.some((text) => metric.includes(text)));
  if (options.help)
    return program.print(`Usage: ${program.thisProgram} ${HELP}`);
  if (cases.length === 0)
    throw new UsageProblem(`no metric has a name with: ${options.filters[0]}`);
  if (!options.list)
    return runCases(cases, options, program);
  for (const { metric, unit, better, what } of cases)
    program.print([metric, unit, better, what].join('\t'));
}

export default async function main(program) {
  try {
    await run(program);
    program.onExit(0);
  } catch (error) {
    if (!(error instanceof UsageProblem))
      throw error;
    program.printErr(`${program.thisProgram}: ${error.message}\nTry --help.`);
    program.onExit(2);
  }
}
