#!/usr/bin/env node
// run.mjs: breaks the library, one place at a time, and shows that the tests under the simulator find each within a minute.
// `make mutants` runs it. Sources are broken in a copy of the tree; table.mjs says how.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutants } from './table.mjs';

const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const HELP = `Usage: node tests/mutants/run.mjs [options]
Breaks the library in ${mutants.length} places, one at a time, and runs the tests of what was broken under the simulator.
  --filter REGEX  only those whose "part: description" matches
  --jobs N        how many at a time (default: the processors that can be used)
  --seconds S     how long each may take to be found (default: 60)
  --list          say what they are, and run nothing
  --help          print this
Prints a table in Markdown. Exit code: 0 if all were found, 1 if not, 2 for wrong usage.`;

function readOptions() {
  try {
    return parseArgs({ options: {
      filter: { type: 'string', default: '' },
      jobs: { type: 'string', default: `${availableParallelism()}` },
      seconds: { type: 'string', default: '60' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    } }).values;
  } catch (error) {
    console.error(`mutants: ${error.message.split('. ')[0]}; try --help`);
    process.exit(2);
  }
}

const options = readOptions();
const tell = (text) => process.stderr.write(`mutants: ${text}\n`);

function fail(text) {
  tell(text);
  process.exit(1);
}

// ---- Copies of the tree ----

function make(folder, ...targets) {
  const { status, stdout } = spawnSync('cmake', ['--build', path.join(folder, 'build'), '--target', ...targets]);
  return status === 0 ? null : stdout.toString();
}

function copyTree(number) {
  const folder = path.join(ROOT, 'build', 'mutants', `${number}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['CMakeLists.txt', 'cmake', 'include', 'src', 'tests'])
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true, filter: (from) => !from.includes('node_modules') });
  const { status, stderr } = spawnSync('cmake', ['-S', folder, '-B', path.join(folder, 'build'), '-G', 'Ninja', '-DPT_SIM=ON',
    '-DPT_BENCH=OFF', '-DPT_EXAMPLES=OFF', '-DCMAKE_BUILD_TYPE=RelWithDebInfo']);
  if (status !== 0) fail(stderr.toString());
  return folder;
}

// ---- One mutant ----

function mutate(text, { find, put, say, file }) {
  const first = text.indexOf(find);
  if (first < 0 || text.indexOf(find, first + 1) >= 0)
    fail(`"${say}" in ${file}: the text to change is there ${first < 0 ? 'no more' : 'more than once'}; change tests/mutants/table.mjs`);
  if (find === put) fail(`"${say}" changes nothing`);
  return text.slice(0, first) + put + text.slice(first + find.length);
}

// What a test program says of the first failure, or null if there is none within the time. only: which of its tests.
function run(program, only, strategy, milliseconds) {
  return new Promise((resolve) => {
    const env = { ...process.env, PT_SIM: strategy };
    const child = spawn(program, only, { cwd: path.dirname(program), env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '', found = null;
    const stop = () => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it has ended */ } };
    const timer = setTimeout(stop, milliseconds);
    const read = (data) => {
      said += data;
      const match = /^sim: (\S+): schedule (\d+) .*: ([a-z ]+)$/m.exec(said);
      if (match === null || found !== null) return;
      found = { test: match[1], schedules: Number(match[2]), failure: match[3] };
      stop();
    };
    child.stderr.on('data', read);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(found ?? (code ? { test: path.basename(program), schedules: 1, failure: said.split('\n')[0] || `code ${code}` } : null));
    });
  });
}

// A second for each test and strategy in turn, which is about what `make check` gives; then the same with other seeds.
async function hunt(folder, tests) {
  const begin = Date.now(), left = () => begin + Number(options.seconds) * 1000 - Date.now();
  for (let round = 0; left() > 0; round++) {
    const strategy = `${['pct', 'random', 'exhaustive'][round % 3]}:runs=1000000,seconds=1,seed=${1 + round * 1000000}`;
    for (const test of tests) {
      const [name, ...only] = test.split(':'); // "channel_model:pair" is those of its tests that have "pair" in their names
      const found = left() > 0 ? await run(path.join(folder, 'build', 'tests', `test_${name}`), only, strategy, left()) : null;
      if (found !== null) return { ...found, seconds: (Date.now() - begin) / 1000 };
    }
  }
  return null;
}

async function attempt(mutant, folder) {
  const file = path.join(folder, mutant.file), text = readFileSync(file, 'utf8');
  writeFileSync(file, mutate(text, mutant));
  const errors = make(folder, ...mutant.tests.map((test) => `test_${test.split(':')[0]}`));
  const found = errors === null ? await hunt(folder, mutant.tests) : null;
  writeFileSync(file, text);
  if (errors !== null) fail(`"${mutant.say}" does not compile:\n${errors}`);
  return found;
}

// ---- All of them ----

if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const chosen = mutants.filter(({ part, say }) => new RegExp(options.filter).test(`${part}: ${say}`));
for (const mutant of chosen) mutate(readFileSync(path.join(ROOT, mutant.file), 'utf8'), mutant);
if (options.list) {
  for (const { part, say, file } of chosen) console.log(`${part}: ${say} (${file})`);
  process.exit(0);
}

const results = new Map(), waiting = [...chosen];
async function work(number) {
  const folder = copyTree(number);
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const found = await attempt(mutant, folder);
    results.set(mutant, found);
    tell(`${results.size} of ${chosen.length}: ${mutant.part}: ${mutant.say}: ${found === null ? 'NOT FOUND'
      : `${found.failure} in ${found.test}, ${found.seconds.toFixed(1)} s`}`);
  }
}
await Promise.all(Array.from({ length: Math.min(Number(options.jobs), chosen.length) }, (_, i) => work(i)));

console.log('| part | what is broken | found by | as | schedules | seconds |\n| --- | --- | --- | --- | ---: | ---: |');
for (const mutant of chosen) {
  const found = results.get(mutant);
  const columns = found === null ? ['**not found**', '', '', ''] : [found.test, found.failure, found.schedules, found.seconds.toFixed(1)];
  console.log(`| ${[mutant.part, mutant.say, ...columns].join(' | ')} |`);
}
const missed = chosen.filter((mutant) => results.get(mutant) === null).length;
tell(`${chosen.length - missed} of ${chosen.length} found`);
process.exit(missed === 0 ? 0 : 1);
