// The Workers that carry the program's threads, all but the main one: emnapi's pool with a limit, thread numbers from 1,
// and our own answer to wasi.thread-spawn. emnapi's own spawn is not used: it needs the program's malloc, knows no
// limit, and reports a failed start by an exception here.

import { ThreadManager } from '@emnapi/wasi-threads';

const eagain = 6; // preview 1
const mostIdle = 32; // Workers kept for later threads; each takes 8 to 9 MB
const graceMs = 50; // see spawn()

export class Threads extends ThreadManager {
  running = 0;
  #limits;
  #held = []; // spawn requests that came at the limit
  #limitIsReal = false;
  #lastTid = 0;

  /** limits: most, warm: numbers of threads; startWorker(): a Worker; onLastEnd(): called when no thread is left. */
  constructor(module, memory, limits) {
    super({ onCreateWorker: limits.startWorker, reuseWorker: { size: limits.warm }, printErr: () => {} });
    this.#limits = limits;
    this.setup(module, memory);
    this.init();
    this.preloadWorkers().catch(() => {}); // what goes wrong in a Worker reaches the supervisor from the Worker
  }

  /**
   * Start a thread and answer its number, or -EAGAIN, to the thread that waits on `reply`.
   * A program that has joined a thread may start another, yet the joined one is counted until its Worker's message
   * is here. So at the limit the answer is held back for a moment, except when that was in vain already.
   */
  spawn(argument, reply) {
    if (this.running < this.#limits.most) {
      this.#start(argument, reply);
    } else if (this.#limitIsReal || this.#limits.most === 0) {
      answer(reply, -eagain);
    } else {
      this.#held.push({ argument, reply, timer: setTimeout(() => this.#refuseHeld(), graceMs) });
    }
  }

  #refuseHeld() {
    const { reply } = this.#held.shift();
    this.#limitIsReal = true;
    answer(reply, -eagain);
  }

  #start(argument, reply) {
    try {
      const worker = this.getNewWorker();
      worker.whenLoaded.catch(() => {}); // as above
      const tid = this.markId(worker);
      worker.postMessage({ __emnapi__: { type: 'start', payload: { tid, arg: argument } } });
      this.running++;
      answer(reply, tid);
    } catch {
      answer(reply, -eagain);
    }
  }

  /** emnapi numbers threads from 43. */
  markId(worker) {
    this.#lastTid = (this.#lastTid % 0x1fffffff) + 1; // the ABI's largest; a program that starts so many has ended most
    worker.__emnapi_tid = this.#lastTid;
    this.pthreads[this.#lastTid] = worker;
    return this.#lastTid;
  }

  /** emnapi calls this when a thread has ended. */
  cleanThread(worker, tid, force) {
    super.cleanThread(worker, tid, force || this.unusedWorkers.length >= mostIdle);
    this.running--;
    this.#limitIsReal = false;
    const next = this.#held.shift();
    if (next) {
      clearTimeout(next.timer);
      this.#start(next.argument, next.reply);
    } else if (this.running === 0) {
      this.#limits.onLastEnd();
    }
  }

  /** Whether this Worker's end was decided here. */
  isDismissed(worker) {
    return this.expectedTerminations.has(worker);
  }
}

function answer(reply, value) {
  Atomics.store(reply, 0, value);
  Atomics.notify(reply, 0);
}
