// page.mjs: runs the Mandelbrot program in this page, and shows on the canvas what it has drawn so far, frame by frame.
import createModule from './mandelbrot.mjs';

const canvas = document.getElementById('canvas');
const status = document.getElementById('status');
const context = canvas.getContext('2d');
const asked = new URLSearchParams(location.search);
const number = (name, otherwise) => Number(asked.get(name) ?? otherwise);

const view = { x: number('x', -0.75), y: number('y', 0), zoom: number('zoom', 1) };
const threads = number('threads', Math.min(16, navigator.hardwareConcurrency));
canvas.width = number('width', 1200);
canvas.height = number('height', 800);

function say(text, bad = false) {
  status.textContent = text;
  status.classList.toggle('bad', bad);
}

// The program's memory is shared with its threads, which a canvas does not take: so a copy.
function show(module) {
  const from = module._mandelbrot_pixels();
  if (from === 0) return;
  const bytes = module.HEAPU8.slice(from, from + 4 * canvas.width * canvas.height);
  context.putImageData(new ImageData(new Uint8ClampedArray(bytes.buffer), canvas.width), 0, 0);
}

// Shows it as long as the program runs; the function returned shows it for the last time.
function follow(module) {
  let running = true;
  const frame = () => {
    if (!running) return;
    show(module);
    say(`${module._mandelbrot_done()} of ${canvas.height} rows`);
    requestAnimationFrame(frame);
  };
  frame();
  return () => {
    running = false;
    show(module);
  };
}

async function draw() {
  const printed = [];
  const complaints = [];
  const values = { width: canvas.width, height: canvas.height, threads, out: 'none', ...view };
  const options = {
    threads, // so many Workers beside main()'s
    arguments: Object.entries(values).flatMap(([name, value]) => [`--${name}`, `${value}`]),
    print: (text) => printed.push(text),
    printErr: (text) => complaints.push(text),
  };
  const ended = new Promise((resolve, reject) => {
    options.onExit = resolve;
    options.onAbort = (what) => reject(new Error(`aborted: ${what}`));
  });
  const module = await createModule(options);
  const stop = follow(module);
  const code = await ended.finally(stop);
  if (code !== 0) throw new Error(complaints.join('\n') || `exit code ${code}`);
  const milliseconds = Number(/ms=([\d.]+)/.exec(printed.join('\n'))[1]);
  say(`${threads} thread${threads === 1 ? '' : 's'}, ${milliseconds.toFixed(0)} ms, zoom ${view.zoom}`);
}

let busy = false;

async function drawOnce() {
  busy = true;
  try {
    await draw();
  } catch (error) {
    say(error.message, true);
    throw error;
  } finally {
    busy = false;
  }
}

canvas.onclick = (event) => {
  if (busy) return;
  const box = canvas.getBoundingClientRect();
  const scale = 3.6 / view.zoom / box.width;
  view.x += (event.clientX - box.left - box.width / 2) * scale;
  view.y -= (event.clientY - box.top - box.height / 2) * scale;
  view.zoom *= event.shiftKey ? 1 / 3 : 3;
  drawOnce().catch(() => {}); // it was said
};

globalThis.finished = drawOnce(); // the test waits for it
