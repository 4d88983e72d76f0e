// page.mjs: counts words in this page with the same C program that runs natively: once with one thread, once with
// several; shows how far each of its threads is, and what came out.
//
// From its server it wants: demo.json (what to count, and what other targets took), the input files, wordcount.mjs
// and wordcount.wasm; each full result is sent there as POST result/<threads>.
import createModule from './wordcount.mjs';

const $ = (id) => document.getElementById(id);

function element(name, text, ...children) {
  const made = document.createElement(name);
  made.append(text, ...children);
  return made;
}

const whole = (number) => number.toLocaleString('en-US');
const tenths = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
const milliseconds = (number) => number.toLocaleString('en-US', tenths);

function bytes(number) {
  for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]]) {
    if (number >= size) return `${(number / size).toFixed(number < 10 * size ? 1 : 0)} ${unit}`;
  }
  return `${number} B`;
}

// ---- What is shown ---------------------------------------------------------------------------

function say(text, bad = false) {
  $('status').textContent = text;
  $('status').classList.toggle('bad', bad);
}

// A bar: label, track, figure. set(share, figure) moves it.
function addBar(parent, label, kind = '') {
  const fill = element('div', '');
  const track = element('div', fill);
  const figure = element('span', '');
  const bar = element('div', element('span', label), track, figure);
  track.className = 'track';
  bar.className = `bar ${kind}`;
  parent.append(bar);
  return (share, text) => {
    fill.style.width = `${Math.min(100, 100 * share)}%`;
    figure.textContent = text;
  };
}

function showRows(threads, rows) {
  const several = `${threads} thread${threads === 1 ? '' : 's'}, ms`;
  const titles = ['target', 'threads', 'words', 'distinct', '1 thread, ms', several, 'speed-up'];
  $('head').replaceChildren(...titles.map((title) => element('th', title)));
  $('rows').replaceChildren(...rows.map((row) => {
    const known = (value, write) => (value === undefined ? '…' : write(value));
    const speedUp = row.many && row.one.ms / row.many.ms;
    const cells = [row.target, known(row.many?.threads, whole), known(row.one?.words, whole),
      known(row.one?.distinct, whole), known(row.one?.ms, milliseconds), known(row.many?.ms, milliseconds),
      known(speedUp, (ratio) => `${ratio.toFixed(2)} ×`)].map((text) => element('td', text));
    if (row.live) cells.forEach((cell) => cell.classList.add('live'));
    return element('tr', '', ...cells);
  }));
}

function showWords(result) {
  const top = topWords(result, 10);
  $('words').replaceChildren();
  for (const { count, word } of top) addBar($('words'), word, 'word')(count / top[0].count, whole(count));
}

// The first lines of a result, "count<TAB>word".
function topWords(result, most) {
  const top = [];
  for (let at = 0; at < result.length && top.length < most;) {
    const end = result.indexOf(10, at);
    const [count, word] = new TextDecoder().decode(result.subarray(at, Math.min(end, at + 200))).split('\t');
    top.push({ count: Number(count), word });
    at = end + 1;
  }
  return top;
}

// Move the workers' bars for as long as the program runs; the function returned stops that.
function followWorkers(module, threads, total) {
  const bars = [];
  $('workers').replaceChildren();
  for (let worker = 0; worker < threads; worker++) bars.push(addBar($('workers'), `thread ${worker + 1}`));
  let running = true;
  const draw = () => {
    bars.forEach((set, worker) => {
      const counted = module._wordcount_progress(worker);
      const share = total > 0 ? counted / total : 0
      set(share, `${(100 * share).toFixed(0)} %`);
    });
    if (running) requestAnimationFrame(draw);
  };
  draw();
  return () => {
    running = false;
    draw();
  };
}

// ---- Counting --------------------------------------------------------------------------------

// Fetch the files. They are kept as they come, and lent to each run's file system without a copy.
async function load(list) {
  const files = [];
  for (const { name, url, size } of list) {
    if (size > 10e6) say(`loading ${name}, ${bytes(size)}`);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${name}: the server says ${response.status}`);
    files.push({ name, bytes: new Uint8Array(await response.arrayBuffer()) });
  }
  return files;
}

// Run the program once. Resolves to what it printed, as { threads, words, distinct, bytes, ms }, and its full result.
async function count(files, threads, rounds) {
  const total = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const printed = [];
  const complaints = [];
  const options = {
    threads, // so many Workers beside main()'s
    arguments: ['--threads', `${threads}`, '--rounds', `${rounds}`, '--out', '/result', '--',
      ...files.map((file, i) => `/${i}/${file.name}`)],
    preRun: [(module) => putIn(module.FS, files)],
    print: (text) => printed.push(text),
    printErr: (text) => complaints.push(text),
  };
  const ended = new Promise((resolve, reject) => {
    options.onExit = resolve;
    options.onAbort = (what) => reject(new Error([...complaints, `aborted: ${what}`].join('\n')));
  });
  const module = await createModule(options);
  const stop = followWorkers(module, threads, total * rounds);
  const code = await ended.finally(stop);
  if (code !== 0) throw new Error([...complaints, `exit code ${code}`].join('\n'));
  complaints.forEach((text) => console.warn(text));
  const summary = Object.fromEntries(printed.join(' ').split(' ').map((pair) => pair.split('=')));
  for (const name in summary) summary[name] = Number(summary[name]);
  return { summary, result: module.FS.readFile('/result') };
}

function putIn(fs, files) {
  files.forEach((file, i) => {
    fs.mkdir(`/${i}`);
    fs.writeFile(`/${i}/${file.name}`, file.bytes, { canOwn: true });
  });
}

// The whole demo: one thread, then several. Resolves to both summaries.
async function compare({ files, threads, rounds, rows, send }) {
  const row = { target: 'browser', live: true };
  const show = () => showRows(threads, [...rows, row]);
  show();
  for (const number of [1, threads]) {
    const times = rounds > 1 ? `, ${rounds} rounds` : '';
    say(`counting with ${number === 1 ? 'one thread' : `${number} threads`}${times}`);
    const { summary, result } = await count(files, number, rounds);
    row[row.one ? 'many' : 'one'] = summary;
    show();
    showWords(result);
    if (send) await send(number, result);
  }
  say(`done: ${milliseconds(row.many.ms)} ms with ${threads} threads, ${milliseconds(row.one.ms)} ms with one`);
  return { one: row.one, many: row.many };
}

// ---- The page --------------------------------------------------------------------------------

function describe(files) {
  const total = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const what = files.length === 1 ? files[0].name : `${whole(files.length)} files`;
  $('about').textContent = `${what}, ${bytes(total)}, through libportalis_thread`;
}

async function post(threads, result) {
  // As a Blob: the bytes themselves would also go through whatever watches the page.
  const response = await fetch(`result/${threads}`, { method: 'POST', body: new Blob([result]) });
  if (!response.ok) throw new Error(`the server did not take the result: ${response.status}`);
}

async function run(task) {
  $('again').disabled = $('choose').disabled = true;
  try {
    return await compare(task);
  } catch (error) {
    say(error.message, true);
    throw error;
  } finally {
    $('again').disabled = $('choose').disabled = false;
  }
}

async function main() {
  const job = await (await fetch('demo.json')).json();
  const task = { threads: job.threads, rounds: job.rounds, rows: job.rows, files: await load(job.files), send: post };
  describe(task.files);
  const again = () => run({ ...task, send: undefined }).catch(() => {}); // the page says what failed
  $('again').onclick = again;
  $('choose').onclick = () => $('own').click();
  $('own').onchange = async () => {
    task.files = await Promise.all([...$('own').files].map(async (file) =>
      ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
    task.rows = []; // the other targets did not count these
    describe(task.files);
    await again();
  };
  return run(task);
}

globalThis.finished = main(); // demo.mjs waits for it
