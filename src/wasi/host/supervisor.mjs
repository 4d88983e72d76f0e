// The run of one program, seen from Node's main thread. No part of the program runs here, so that this thread is always
// free to start threads, to learn of traps and exits, and to end the run while every thread of it is blocked.

import { readFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { createMailbox } from './files.mjs';
import { importedMemory, memoryDescriptor } from './module.mjs';
import { UsageError } from './options.mjs';
import { createStdinBuffer, stdinMayBlock, StdinFeeder } from './stdin.mjs';
import { Threads } from './threads.mjs';

const exitCode = { badModule: 2, trap: 134 }; // 134: what a shell reports of a native abort()
const stopMs = 5000; // what Workers get to stop: a native call that blocks, writing to a full pipe, is not interrupted

/** Run the program; this process exits with its exit code. Throws UsageError for a module that cannot be run. */
export async function run(options) {
  await new Supervisor(options).start();
}

class Supervisor {
  #options;
  #program; // what every Worker is told about the program
  #memory; // shared by all threads; undefined if the module has no shared memory, and so no threads
  #workers = new Set();
  #threads;
  #owner;
  #feeder;
  #mainHasLeft = false;
  #hasEnded = false;

  constructor(options) {
    const { args, preopens } = options;
    // WASI has no call for the number of processors; libportalis_thread looks here.
    const env = { PT_PARALLELISM: String(availableParallelism()), ...options.env };
    const stdin = stdinMayBlock() ? createStdinBuffer() : undefined;
    if (stdin) this.#feeder = new StdinFeeder(stdin);
    this.#options = options;
    this.#program = { args, env, preopens, stdin, mailbox: createMailbox() };
  }

  async start() {
    const main = this.#startWorker('main'); // first: it comes up while the module is compiled
    const bytes = readModule(this.#options.modulePath);
    const module = await compile(bytes, this.#options.modulePath);
    const ownMemory = this.#createMemory(module, importedMemory(bytes));
    main.postMessage({ module, memory: this.#memory, ownMemory });
    this.#threads = this.#createThreads(module);
    if (Object.keys(this.#program.preopens).length > 0) this.#startOwner();
  }

  /** Create the shared memory, or return what the main thread needs to create an unshared one. */
  #createMemory(module, declared) {
    const { maxMemory, modulePath } = this.#options;
    if (!declared && maxMemory !== undefined) throw new UsageError(`--max-memory: ${modulePath} imports no memory`);
    const descriptor = declared && memoryDescriptor(declared, maxMemory);
    if (!declared?.shared && startsThreads(module)) {
      throw new UsageError(`${modulePath} starts threads but imports no shared memory`);
    }
    if (!declared?.shared) return descriptor;
    this.#memory = new WebAssembly.Memory(descriptor);
    return undefined;
  }

  #createThreads(module) {
    const { maxThreads, warmThreads } = this.#options;
    return new Threads(module, this.#memory, {
      most: maxThreads,
      warm: startsThreads(module) ? Math.min(warmThreads, maxThreads) : 0,
      startWorker: () => this.#startWorker('threads'),
      onLastEnd: () => this.#endIfAllHaveLeft(),
    });
  }

  /** Idempotent: the first thread that calls it asks for it, and it may have been started before. */
  #startOwner() {
    if (!this.#memory || this.#owner) return;
    this.#owner = this.#startWorker('owner');
    this.#owner.postMessage({ memory: this.#memory });
  }

  #startWorker(role) {
    const worker = new Worker(new URL('thread.mjs', import.meta.url), {
      workerData: { role, program: this.#program },
      env: SHARE_ENV, // not the program's; spares a copy
    });
    this.#workers.add(worker);
    worker.on('message', (message) => this.#receive(message));
    worker.on('error', (error) => this.#workerFailed(role, error.stack ?? String(error)));
    worker.on('exit', (code) => {
      this.#workers.delete(worker);
      if (!this.#threads?.isDismissed(worker)) this.#workerFailed(role, `its Worker stopped, code ${code}`);
    });
    return worker;
  }

  /** Not the program's doing, or not only: out of memory for JavaScript, no resources to start a Worker, a bug here. */
  #workerFailed(role, text) {
    const who = { main: 'main thread', threads: 'a thread', owner: 'the owner of the files' }[role];
    this.#end(exitCode.trap, `${who} failed: ${text}`);
  }

  /** Messages of thread.mjs; those of emnapi's protocol, on the same channel, have no type. */
  #receive(message) {
    if (this.#hasEnded) return;
    switch (message.type) {
      case 'spawn': return this.#threads.spawn(message.argument, message.reply);
      case 'exit': return this.#end(message.code);
      case 'failed': return this.#end(exitCode.trap, `${threadName(message.tid)}: ${message.text}`);
      case 'unusable': return this.#end(exitCode.badModule, `${this.#options.modulePath}: ${message.text}`);
      case 'left': this.#mainHasLeft = true; return this.#endIfAllHaveLeft();
      case 'stdin': return this.#feeder.request();
      case 'files': return this.#startOwner();
      case 'note': return say(message.text);
    }
  }

  /** POSIX: after the main thread has left by pthread_exit, the last thread's end is the program's. */
  #endIfAllHaveLeft() {
    if (this.#mainHasLeft && this.#threads.running === 0) this.#end(0);
  }

  async #end(code, text) {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (text) say(text);
    // Exiting waits for every Worker, so that one which is stuck would keep this process for ever.
    setTimeout(() => {
      say(`a thread is stuck in a system call: ending with SIGKILL instead of code ${code}`);
      process.kill(process.pid, 'SIGKILL');
    }, stopMs);
    await Promise.all([...this.#workers].map(stop));
    process.exit(code);
  }
}

/** Nobody listens to a Worker any more once it is stopped: how it ends means nothing. */
async function stop(worker) {
  worker.removeAllListeners();
  worker.on('error', () => {});
  await worker.terminate();
}

function readModule(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${error.message.replace(/,.*$/s, '')}`);
  }
}

/**
 * Before Node 22, V8's baseline compiler, Liftoff, forgets that memory.atomic.wait32 and wait64 overwrite a register: a
 * local variable that lived in it has another value after the wait, the stack pointer among them. Code compiled by
 * TurboFan is right; it compiles each function when it is first called, so that little is lost.
 */
function avoidLiftoffBug() {
  if (Number.parseInt(process.versions.v8, 10) < 12) setFlagsFromString('--no-liftoff');
}

async function compile(bytes, path) {
  avoidLiftoffBug();
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw new UsageError(`${path} is not a WebAssembly module that this Node can run: ${error.message}`);
  }
}

function startsThreads(module) {
  return WebAssembly.Module.imports(module).some((each) => each.module === 'wasi' && each.name === 'thread-spawn');
}

function threadName(tid) {
  return tid === 0 ? 'main thread' : `thread ${tid}`;
}

/** Write a message to standard error, now: the process may be about to end. */
function say(text) {
  const bytes = Buffer.from(`portalis-wasi-run: ${text}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(2, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
    }
  }
}
