// File descriptors shared by all threads. node:wasi keeps a table of descriptors in each instance; POSIX wants one for
// the process. So one Worker, the owner, holds the only instance with descriptors of the program's files, and threads
// pass it their calls through a mailbox in shared memory. The program's memory is shared too, so that a call's
// pointers mean the same to both, and only its numbers travel. It is a Worker and not the supervisor, which must stay
// free to end the run while a call blocks (a FIFO, a slow disk).

import { lock, unlock } from './lock.mjs';

// Words of the mailbox's head. A caller holds LOCK from before REQUESTED until it has taken the result.
const LOCK = 0;
const STATE = 1; // IDLE -> REQUESTED by the caller -> DONE by the owner -> IDLE by the caller
const FUNCTION = 2;
const RESULT = 3;
const COUNT = 4;
const BIGINTS = 5; // bit i: argument i is an i64
const STARTED = 6; // the owner has been asked for
const MOVED = 7; // bits of those of fds 0-2 that the program closed or replaced, so that the owner has them
const headBytes = 32;
const mostArguments = 9; // path_open

const IDLE = 0;
const REQUESTED = 1;
const DONE = 2;

export function createMailbox() {
  return new SharedArrayBuffer(headBytes + mostArguments * 8);
}

function views(mailbox) {
  return { words: new Int32Array(mailbox, 0, headBytes / 4), slots: new BigInt64Array(mailbox, headBytes) };
}

/** A thread's side. names: all functions, in the owner's order. startOwner() asks the supervisor to start the owner. */
export class FilesClient {
  constructor(mailbox, names, startOwner) {
    Object.assign(this, views(mailbox));
    this.indices = new Map(names.map((name, index) => [name, index]));
    this.startOwner = startOwner;
  }

  /** Whether a standard descriptor is no longer this process's own. */
  isMoved(fd) {
    return Boolean(Atomics.load(this.words, MOVED) & (1 << fd));
  }

  markMoved(fd) {
    Atomics.or(this.words, MOVED, 1 << fd);
  }

  call(name, args) {
    if (Atomics.exchange(this.words, STARTED, 1) === 0) this.startOwner();
    lock(this.words, LOCK);
    this.#write(name, args);
    Atomics.store(this.words, STATE, REQUESTED);
    Atomics.notify(this.words, STATE);
    while (Atomics.load(this.words, STATE) === REQUESTED) Atomics.wait(this.words, STATE, REQUESTED);
    const result = this.words[RESULT];
    Atomics.store(this.words, STATE, IDLE);
    unlock(this.words, LOCK);
    return result;
  }

  #write(name, args) {
    let bigints = 0;
    args.forEach((arg, index) => {
      this.slots[index] = BigInt(arg);
      if (typeof arg === 'bigint') bigints |= 1 << index;
    });
    this.words[FUNCTION] = this.indices.get(name);
    this.words[COUNT] = args.length;
    this.words[BIGINTS] = bigints;
  }
}

/** The owner's side: answer calls until the Worker is terminated. functions: as in FilesClient's names. */
export function serveFiles(mailbox, functions) {
  const { words, slots } = views(mailbox);
  for (;;) {
    const state = Atomics.load(words, STATE);
    if (state !== REQUESTED) {
      Atomics.wait(words, STATE, state);
      continue;
    }
    words[RESULT] = functions[words[FUNCTION]](...readArguments(words, slots));
    Atomics.store(words, STATE, DONE);
    Atomics.notify(words, STATE);
  }
}

function readArguments(words, slots) {
  return Array.from({ length: words[COUNT] }, (_, index) =>
    words[BIGINTS] & (1 << index) ? slots[index] : Number(slots[index]));
}
