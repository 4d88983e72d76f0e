// The inside of a Worker: the main thread, another thread, or the owner of the file descriptors (files.mjs).
// Nothing ends a Worker but the supervisor: whatever ends the run is reported to it, and the Worker then waits.

import { availableParallelism } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { FilesClient, serveFiles } from './files.mjs';
import { StdinReader } from './stdin.mjs';
import { describe } from './trap.mjs';
import { bindMemory, createLocalWasi, createOwnerWasi, importWasi, nativeFunctions, previewFunctions, sleep, view }
  from './wasi.mjs';
import { takeAbsolutePaths } from './wasix-paths.mjs';
import { missingFunction, threadExit, wasixFunctions } from './wasix.mjs';

const { role, program } = workerData;
const tell = (message) => parentPort.postMessage(message);

/** Tell the supervisor what ends the run, and wait for it to end this Worker. */
function endRun(message) {
  tell(message);
  for (;;) sleep(Infinity);
}

let memory;
let instance;

/** This thread of the program, as its import functions see it: see wasi.mjs and wasix.mjs. */
const thread = {
  tid: 0, // the main thread's; wasi-threads numbers the others from 1
  parallelism: availableParallelism(),
  hasFolders: Object.keys(program.preopens).length > 0,
  memory: () => memory,
  exit: (code) => endRun({ type: 'exit', code: code & 0xff }),
  fail: (text) => endRun({ type: 'failed', tid: thread.tid, text }),
  note: (text) => tell({ type: 'note', text }),
  dot: once(() => {
    const address = instance.exports.malloc?.(1);
    if (address) new Uint8Array(view(memory, (address >>> 0) + 1).buffer)[address >>> 0] = 0x2e;
    return address || undefined;
  }),
  signal: (number) => instance.exports.__wasm_signal?.(number),
};

function once(make) {
  let value;
  return () => value ??= make();
}

/** wasi.thread-spawn: the new thread's number, or a negative errno. */
const reply = new Int32Array(new SharedArrayBuffer(4));
function spawnThread(argument) {
  Atomics.store(reply, 0, 0);
  tell({ type: 'spawn', argument, reply });
  while (Atomics.load(reply, 0) === 0) Atomics.wait(reply, 0, 0);
  return Atomics.load(reply, 0);
}

/** Run a part of the program; false if it left by thread_exit, and no return at all if it trapped. */
function runProgram(call) {
  try {
    call();
    return true;
  } catch (error) {
    if (error === threadExit) return false;
    return thread.fail(describe(error));
  }
}

// ---- instantiating the program ----

/** Instantiate the module in this Worker; the run ends if that fails. Without shared memory there is one thread, whose
    memory is imported and its own (ownMemory: its descriptor) or exported. */
function instantiate(module, sharedMemory, ownMemory) {
  memory = sharedMemory ?? (ownMemory && new WebAssembly.Memory(ownMemory));
  try {
    const wasi = createLocalWasi(WASI, { ...program, preopens: sharedMemory ? {} : program.preopens });
    instance = new WebAssembly.Instance(module, importObject(module, wasi, Boolean(sharedMemory)));
    memory ??= instance.exports.memory;
    bindMemory(wasi, memory);
  } catch (error) {
    if (error instanceof ImportError) endRun({ type: 'unusable', text: error.message });
    thread.fail(`cannot instantiate the module: ${describe(error)}`);
  }
}

class ImportError extends Error {}

function importObject(module, wasi, shared) {
  const native = nativeFunctions(wasi, () => memory);
  if (program.stdin) thread.stdin = new StdinReader(program.stdin, () => tell({ type: 'stdin' }));
  if (shared) thread.files = new FilesClient(program.mailbox, Object.keys(native), () => tell({ type: 'files' }));
  let preview = previewFunctions(native, thread);
  if (WebAssembly.Module.imports(module).some((each) => each.module === 'wasix_32v1')) {
    preview = { ...preview, ...takeAbsolutePaths(preview, Object.keys(program.preopens), thread) };
  }
  const known = {
    wasi_snapshot_preview1: preview,
    wasi: { 'thread-spawn': spawnThread },
    wasix_32v1: wasixFunctions(preview, thread),
  };
  const imports = {};
  for (const each of WebAssembly.Module.imports(module)) {
    (imports[each.module] ??= {})[each.name] = findImport(each, known);
  }
  return imports;
}

function findImport({ module, name, kind }, known) {
  if (kind === 'memory' && memory) return memory;
  const found = kind === 'function' && known[module]?.[name];
  if (found) return found;
  if (kind === 'function' && module === 'wasix_32v1') return missingFunction(`${module}.${name}`, thread.note);
  throw new ImportError(`the module imports the ${kind} ${module}.${name}, which this host does not have`);
}

// ---- the three roles ----

function beMain({ module, memory: sharedMemory, ownMemory }) {
  instantiate(module, sharedMemory, ownMemory);
  if (!instance.exports._start) endRun({ type: 'unusable', text: 'the module has no _start: it is not a program' });
  if (runProgram(() => instance.exports._start())) thread.exit(0);
  tell({ type: 'left' });
}

/** emnapi's handler receives the messages of its ThreadManager: "load" once, "start" for each thread carried. */
async function beThreads() {
  const { ThreadMessageHandler } = await import('@emnapi/wasi-threads');
  const start = (tid, argument) => {
    thread.tid = tid;
    thread.aborting = false;
    runProgram(() => instance.exports.wasi_thread_start(tid, argument));
  };
  const handler = new ThreadMessageHandler({
    postMessage: tell,
    onLoad({ wasmModule, wasmMemory }) {
      instantiate(wasmModule, wasmMemory);
      // Not the instance itself: leaving by thread_exit must be an end like any other for the handler.
      return { module: wasmModule, instance: { exports: { wasi_thread_start: start } } };
    },
  });
  parentPort.on('message', (data) => handler.handle({ data }));
}

function beOwner({ memory: sharedMemory }) {
  memory = sharedMemory;
  const wasi = createOwnerWasi(WASI, program);
  bindMemory(wasi, memory);
  serveFiles(program.mailbox, Object.values(nativeFunctions(wasi, () => memory)));
}

Error.stackTraceLimit = 30;
const WASI = await importWasi();
if (role === 'threads') await beThreads();
else parentPort.on('message', role === 'main' ? beMain : beOwner);
