// Standard input where reading it may block: a terminal, pipe or socket. A thread that blocks in a native read() cannot
// be ended, so the supervisor reads, asynchronously, and passes chunks through one shared buffer; the reading thread
// sleeps in Atomics.wait, which the end of the run interrupts. Regular files are read directly by the threads.

import { fstatSync } from 'node:fs';
import { lock, unlock } from './lock.mjs';

// Words of the buffer's head. STATE goes EMPTY -> READY or ENDED or FAILED by the feeder, READY -> EMPTY by the reader
// that takes the last byte. START and END bound the unread bytes; they belong to the feeder while EMPTY, else to LOCK.
const LOCK = 0;
const STATE = 1;
const START = 2;
const END = 3;
const headBytes = 16;
const dataBytes = 65536;

const EMPTY = 0;
const READY = 1;
const ENDED = 2;
const FAILED = 3;

/** Whether fd 0 goes through the supervisor. */
export function stdinMayBlock() {
  try {
    const stat = fstatSync(0);
    return !stat.isFile() && !stat.isDirectory();
  } catch {
    return false;
  }
}

export function createStdinBuffer() {
  return new SharedArrayBuffer(headBytes + dataBytes);
}

/** The supervisor's side: reads a chunk whenever a thread asks for one. */
export class StdinFeeder {
  #words;
  #data;
  #stream;
  #wanted = false;
  #over; // ENDED or FAILED, once the stream is

  constructor(buffer) {
    this.#words = new Int32Array(buffer, 0, 4);
    this.#data = new Uint8Array(buffer, headBytes);
  }

  /** A thread found the buffer empty. Two may ask for the same chunk: the second request then changes nothing. */
  request() {
    this.#wanted = true;
    this.#open();
    this.#fill();
  }

  #open() {
    if (this.#stream) return;
    this.#stream = process.stdin;
    this.#stream.on('readable', () => this.#fill());
    this.#stream.on('end', () => this.#finish(ENDED));
    this.#stream.on('error', () => this.#finish(FAILED));
  }

  #finish(how) {
    this.#over = how;
    this.#fill();
  }

  #fill() {
    if (!this.#wanted || Atomics.load(this.#words, STATE) !== EMPTY) return;
    const chunk = this.#stream.read();
    if (chunk !== null) this.#pass(chunk);
    else if (this.#over !== undefined) this.#publish(this.#over);
    // else 'readable', 'end' or 'error' comes later
  }

  #pass(chunk) {
    const size = Math.min(chunk.length, dataBytes);
    if (size < chunk.length) this.#stream.unshift(chunk.subarray(size));
    this.#data.set(chunk.subarray(0, size));
    Atomics.store(this.#words, START, 0);
    Atomics.store(this.#words, END, size);
    this.#publish(READY);
  }

  #publish(state) {
    this.#wanted = false;
    Atomics.store(this.#words, STATE, state);
    Atomics.notify(this.#words, STATE);
  }
}

/** A thread's side. ask() tells the supervisor that the buffer is empty. */
export class StdinReader {
  #words;
  #data;
  #ask;

  constructor(buffer, ask) {
    this.#words = new Int32Array(buffer, 0, 4);
    this.#data = new Uint8Array(buffer, headBytes);
    this.#ask = ask;
  }

  /** Copy what is there, at least a byte, into target, waiting for it; 0 at the end of input, -1 after an error. */
  read(target) {
    lock(this.#words, LOCK);
    try {
      this.waitReadable();
      const state = Atomics.load(this.#words, STATE);
      return state === READY ? this.#take(target) : state === ENDED ? 0 : -1;
    } finally {
      unlock(this.#words, LOCK);
    }
  }

  #take(target) {
    const start = Atomics.load(this.#words, START);
    const end = Math.min(Atomics.load(this.#words, END), start + target.length);
    target.set(this.#data.subarray(start, end));
    Atomics.store(this.#words, START, end);
    if (end === Atomics.load(this.#words, END)) Atomics.store(this.#words, STATE, EMPTY);
    return end - start;
  }

  /** Wait until a read would not: input, its end, or an error. False after `milliseconds` without. */
  waitReadable(milliseconds = Infinity) {
    const deadline = performance.now() + milliseconds;
    while (Atomics.load(this.#words, STATE) === EMPTY) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      this.#ask(); // every time: another thread may have taken the chunk that woke this one
      Atomics.wait(this.#words, STATE, EMPTY, left);
    }
    return true;
  }
}
