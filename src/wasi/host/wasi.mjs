// The preview 1 functions as one thread of the program sees them. Most are node:wasi's own; written here are those
// that would block where the run could not be ended (sleeping, standard input), end the process, or use descriptors
// that all threads share.

import { openSync } from 'node:fs';

export const errno = {
  success: 0, again: 6, badf: 8, inval: 28, io: 29, noent: 44, nosys: 52, notsup: 58, overflow: 61,
};

/** node:wasi, without its warning that it is experimental; other warnings stay. */
export async function importWasi() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith('WASI is an experimental feature')) emitWarning.call(process, warning, ...rest);
  };
  return (await import('node:wasi')).WASI;
}

/** An instance for one thread, without descriptors other than 0 to 2. */
export function createLocalWasi(WASI, { args, env, preopens }) {
  return new WASI({ version: 'preview1', args, env, preopens });
}

/** The owner's instance (files.mjs). Its 0 to 2 are stand-ins, reached only once the program closed the real ones,
    and may then be closed without closing anything of this process. */
export function createOwnerWasi(WASI, { preopens }) {
  const [stdin, stdout, stderr] = [0, 1, 2].map(() => openSync('/dev/null', 'r+'));
  return new WASI({ version: 'preview1', preopens, stdin, stdout, stderr });
}

/** Make an instance use the program's memory; it insists on an object that looks like a reactor's instance. */
export function bindMemory(wasi, memory) {
  wasi.initialize({ exports: { memory } });
}

/**
 * A native function with two amends. Addresses beyond 2 GiB come from the program as negative numbers, which it would
 * refuse. And it checks addresses against this thread's idea of the memory's size, which is stale if another thread
 * has grown the memory a moment ago: it then fails before it does anything, and is tried once again.
 */
function amend(call, memory) {
  return (...args) => {
    const unsigned = args.map((arg) => typeof arg === 'number' ? arg >>> 0 : arg);
    const result = call(...unsigned);
    if (result !== errno.overflow) return result;
    refresh(memory());
    return call(...unsigned);
  };
}

/** The native functions by name, in node:wasi's order. */
export function nativeFunctions(wasi, memory) {
  return Object.fromEntries(Object.entries(wasi.wasiImport).map(
    ([name, call]) => [name, amend(call, memory)]));
}

function refresh(memory) {
  if (memory.buffer instanceof SharedArrayBuffer) memory.grow(0);
}

/** A view on the memory from its start to at least `end`. */
export function view(memory, end) {
  if (end > memory.buffer.byteLength) refresh(memory);
  return new DataView(memory.buffer);
}

/** The first part of a list of `count` buffers that is not empty; undefined if there is none. */
function firstBuffer(memory, list, count) {
  const lists = view(memory, list + count * 8);
  for (let i = 0; i < count; i++) {
    const size = lists.getUint32(list + i * 8 + 4, true);
    if (size === 0) continue;
    const start = lists.getUint32(list + i * 8, true);
    view(memory, start + size);
    return new Uint8Array(memory.buffer, start, size);
  }
  return undefined;
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** Sleep, in a way that terminating the Worker interrupts. */
export function sleep(milliseconds) {
  Atomics.wait(nothing, 0, 0, milliseconds);
}

/**
 * The import object's wasi_snapshot_preview1 for one thread. thread has:
 *   memory()    the program's memory
 *   exit(code)  end the run; does not return
 *   stdin       a StdinReader, or undefined where reading fd 0 cannot block
 *   files       a FilesClient, or undefined where the program has one thread: `native` then has all descriptors
 *   hasFolders  whether the program was given folders, without which it has no descriptors beyond 0 to 2
 */
export function previewFunctions(native, thread) {
  const functions = { ...native };
  functions.proc_exit = (code) => thread.exit(code);
  functions.poll_oneoff = (...args) => pollOneoff(thread, ...args);
  functions.fd_write = untilAccepted(native.fd_write);
  if (thread.stdin) functions.fd_read = readStdin(functions.fd_read, thread);
  return thread.files ? shareDescriptors(functions, thread) : functions;
}

/** Whoever started this process may have made its pipes non-blocking; the program expects blocking ones. */
function untilAccepted(write) {
  return (...args) => {
    for (;;) {
      const result = write(...args);
      if (result !== errno.again) return result;
      sleep(1);
    }
  };
}

function readStdin(read, thread) {
  return (...args) => {
    const [fd, list, count, sizeAddress] = args.map((arg) => arg >>> 0);
    if (fd !== 0) return read(...args);
    const target = firstBuffer(thread.memory(), list, count);
    const size = target ? thread.stdin.read(target) : 0;
    if (size < 0) return errno.io;
    view(thread.memory(), sizeAddress + 4).setUint32(sizeAddress, size, true);
    return errno.success;
  };
}

/** Send calls on shared descriptors to their owner. */
function shareDescriptors(functions, thread) {
  const { files } = thread;
  const isLocal = (fd) => fd >= 0 && fd <= 2 ? !files.isMoved(fd) : !thread.hasFolders;
  const shared = {};
  for (const name of Object.keys(functions).filter((key) => /^(fd|path|sock)_/.test(key))) {
    shared[name] = (fd, ...rest) =>
      isLocal(fd) ? functions[name](fd, ...rest) : files.call(name, [fd, ...rest]);
  }
  shared.fd_close = (fd) => {
    if (fd >= 0 && fd <= 2) files.markMoved(fd);
    return isLocal(fd) ? functions.fd_close(fd) : files.call('fd_close', [fd]);
  };
  shared.fd_renumber = (from, to) => {
    if (from >= 0 && from <= 2) return errno.notsup;
    if (to >= 0 && to <= 2) files.markMoved(to);
    return isLocal(from) ? errno.badf : files.call('fd_renumber', [from, to]);
  };
  return { ...functions, ...shared };
}

// Layouts of poll_oneoff's structures: subscriptions of 48 bytes in, events of 32 bytes out.
const subscriptionBytes = 48;
const eventBytes = 32;
const onClock = 0;
const onRead = 1;
const absoluteTime = 1;
const realtime = 0;

function readSubscription(data, at) {
  const type = data.getUint8(at + 8);
  const userdata = data.getBigUint64(at, true);
  if (type !== onClock) return { type, userdata, fd: data.getUint32(at + 16, true) };
  const clock = data.getUint32(at + 16, true);
  const time = Number(data.getBigUint64(at + 24, true)) / 1e6;
  const isAbsolute = data.getUint16(at + 40, true) & absoluteTime;
  const now = clock === realtime ? Date.now() : Number(process.hrtime.bigint()) / 1e6;
  return { type, userdata, deadline: performance.now() + (isAbsolute ? time - now : time) };
}

/** Files are always ready, and so are standard output and error: writing to them waits. */
function isReady(subscription, thread) {
  if (subscription.type === onClock) return subscription.deadline <= performance.now();
  return subscription.type !== onRead || subscription.fd !== 0 || !thread.stdin || thread.stdin.waitReadable(0);
}

function pollOneoff(thread, ...args) {
  const [input, output, count, countAddress] = args.map((arg) => arg >>> 0);
  if (count === 0) return errno.inval;
  const memory = thread.memory();
  const data = view(memory, Math.max(input + count * subscriptionBytes, output + count * eventBytes, countAddress + 4));
  const subscriptions = Array.from({ length: count }, (_, i) => readSubscription(data, input + i * subscriptionBytes));
  const ready = waitForAny(subscriptions, thread);
  ready.forEach((subscription, i) => writeEvent(data, output + i * eventBytes, subscription));
  data.setUint32(countAddress, ready.length, true);
  return errno.success;
}

function waitForAny(subscriptions, thread) {
  const deadline = Math.min(...subscriptions.map((each) => each.deadline ?? Infinity));
  for (;;) {
    const ready = subscriptions.filter((each) => isReady(each, thread));
    if (ready.length > 0) return ready;
    const left = deadline - performance.now();
    // If nothing was ready, a subscription that is not a clock can only be one to read standard input.
    if (subscriptions.some((each) => each.type !== onClock)) thread.stdin.waitReadable(left);
    else sleep(left);
  }
}

function writeEvent(data, at, { type, userdata }) {
  data.setBigUint64(at, userdata, true);
  data.setUint16(at + 8, errno.success, true);
  data.setUint8(at + 10, type);
  data.setBigUint64(at + 16, type === onClock ? 0n : 1n, true);
  data.setUint16(at + 24, 0, true);
}
