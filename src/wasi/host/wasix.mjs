// The wasix_32v1 functions that programs linked with Debian's wasix-libc import for threads, files and their start and
// end. Signatures are those of wasi/api_wasix.h. Modules built with wasi-sdk import none of this.

import { programStack } from './trap.mjs';
import { errno, sleep, view } from './wasi.mjs';

const sigabrt = 6;

const mainTid = 0x3fffffff; // what wasi-libc numbers the main thread; the ABI has no number for it

/** Thrown through the program's frames to end a thread. */
export const threadExit = Symbol('thread exit');

/**
 * The functions for one thread. thread is as in previewFunctions, and has besides:
 *   tid             its number; 0: the main thread
 *   parallelism     number of processors
 *   signal(number)  call the program's own dispatcher of signals, if it has one
 *   aborting        whether abort() was called before; set here
 *   fail(text)      end the run as after a trap; does not return
 * preview: its preview 1 functions.
 */
export function wasixFunctions(preview, thread) {
  const futex = futexFunctions(thread);
  const store32 = (address, value) => {
    const at = address >>> 0;
    view(thread.memory(), at + 4).setUint32(at, value, true);
    return errno.success;
  };
  return {
    ...futex,
    thread_id: (result) => store32(result, thread.tid || mainTid),
    thread_parallelism: (result) => store32(result, thread.parallelism),
    thread_sleep: (duration) => (sleep(Number(BigInt.asUintN(64, duration)) / 1e6), errno.success),
    thread_exit: () => { throw threadExit; },
    thread_signal: (tid, signal) => raise(thread, tid, signal),
    proc_id: (result) => store32(result, 1),
    proc_exit2: (code) => thread.exit(code),
    callback_signal: () => {}, // names the export to call; it is always __wasm_signal
    proc_signals_sizes_get: (result) => store32(result, 0),
    proc_signals_get: () => errno.success,
    path_open2: (fd, lookup, path, size, open, rights, inherited, flags, _closeOnExec, result) =>
      preview.path_open(fd, lookup, path, size, open, rights, inherited, flags, result),
    fd_fdflags_get: (_fd, result) => {
      view(thread.memory(), (result >>> 0) + 2).setUint16(result >>> 0, 0, true);
      return errno.success;
    },
    fd_fdflags_set: () => errno.success, // close-on-exec, and there is no exec
    getcwd: (path, size) => currentFolder(thread.memory(), path >>> 0, size >>> 0),
  };
}

function futexFunctions(thread) {
  let words = new Int32Array(0);
  const indexOf = (address) => {
    const index = address >>> 2;
    if (index >= words.length) words = new Int32Array(view(thread.memory(), (index + 1) * 4).buffer);
    return index;
  };
  const answer = (address, value) => {
    const at = address >>> 0;
    view(thread.memory(), at + 1).setUint8(at, value ? 1 : 0);
    return errno.success;
  };
  const timeoutMs = (option) => {
    const data = view(thread.memory(), option + 16);
    return data.getUint8(option) ? Number(data.getBigUint64(option + 8, true)) / 1e6 : Infinity;
  };
  const wake = (address, most, result) => {
    const index = indexOf(address); // first: it may renew words
    return answer(result, Atomics.notify(words, index, most) > 0);
  };
  return {
    futex_wait(address, expected, timeout, result) {
      const index = indexOf(address);
      return answer(result, Atomics.wait(words, index, expected, timeoutMs(timeout >>> 0)) !== 'timed-out');
    },
    futex_wake: (address, result) => wake(address, 1, result),
    futex_wake_all: (address, result) => wake(address, Infinity, result),
  };
}

/**
 * Signals reach the thread that raises them only. abort() raises SIGABRT: its handler runs once, then the run ends.
 * The dispatcher traps where the program never set a handler of any signal: libc has not set its defaults up then.
 */
function raise(thread, tid, signal) {
  if (tid !== (thread.tid || mainTid)) return errno.nosys;
  if (signal === sigabrt) return abort(thread);
  thread.signal(signal);
  return errno.success;
}

function abort(thread) {
  const { stack } = new Error();
  try {
    if (!thread.aborting) {
      thread.aborting = true;
      thread.signal(sigabrt);
    }
  } catch (error) {
    if (error === threadExit) throw error;
  }
  return thread.fail(`aborted${programStack(stack)}`);
}

/** Always "/": relative paths are then looked up among the folders that the program was given. */
function currentFolder(memory, path, sizeAddress) {
  const text = new TextEncoder().encode('/\0');
  const data = view(memory, Math.max(path, sizeAddress) + 4);
  const room = data.getUint32(sizeAddress, true);
  data.setUint32(sizeAddress, text.length, true);
  if (room < text.length) return 68; // ERANGE
  new Uint8Array(data.buffer, path, text.length).set(text);
  return errno.success;
}

/** What stands in for a wasix_32v1 function that is not written here: it fails, and says so once. */
export function missingFunction(name, note) {
  let isFirst = true;
  return () => {
    if (isFirst) note(`the program called ${name}, which this host does not have`);
    isFirst = false;
    return errno.nosys;
  };
}
