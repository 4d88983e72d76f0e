// Absolute paths. wasi-libc looks for the folder given to the program that a path is in, and passes the folder's
// descriptor and the path within. wasix-libc leaves that to the host: it makes every path absolute ("/" being its
// current folder) and passes it with whatever descriptor. This is the host's part of it.

import { posix } from 'node:path';
import { errno, view } from './wasi.mjs';

const firstFolder = 3; // the descriptor of the first folder given

// Where each function has a descriptor and the path that goes with it; the path's length follows the path.
const pathArguments = {
  path_create_directory: [[0, 1]],
  path_filestat_get: [[0, 2]],
  path_filestat_set_times: [[0, 2]],
  path_link: [[0, 2], [4, 5]],
  path_open: [[0, 2]],
  path_readlink: [[0, 1]],
  path_remove_directory: [[0, 1]],
  path_rename: [[0, 1], [3, 4]],
  path_symlink: [[2, 3]],
  path_unlink_file: [[0, 1]],
};

/**
 * The functions of `preview` that take paths, made to take absolute ones. folders: the guest names, in their order.
 * thread: see previewFunctions; besides, dot() is the address of a "." in memory, for a folder itself, or undefined.
 */
export function takeAbsolutePaths(preview, folders, thread) {
  const mounts = folders.map((guest, index) => ({ name: mountName(guest), fd: firstFolder + index }));
  mounts.sort((a, b) => b.name.length - a.name.length); // the longest that fits is the one meant
  return Object.fromEntries(Object.entries(pathArguments).map(([name, places]) => [name, (...args) => {
    const located = places.every(([fd, path]) => locate(args, fd, path, mounts, thread));
    return located ? preview[name](...args) : errno.noent;
  }]));
}

/** Names are compared as bytes, one a character, for lengths to be lengths in memory. */
function mountName(guest) {
  return Buffer.from(posix.resolve('/', guest).slice(1)).toString('latin1');
}

/** Replace an absolute path among the arguments by the folder it is in and the rest of it, which is at its end. */
function locate(args, fd, path, mounts, thread) {
  const start = args[path] >>> 0;
  const size = args[path + 1] >>> 0;
  const bytes = new Uint8Array(view(thread.memory(), start + size).buffer, start, size);
  if (bytes[0] !== 0x2f) return true; // not "/": relative to the descriptor, as it is
  const text = Buffer.from(bytes).toString('latin1').replace(/^\/(\.?\/)*/, '');
  const mount = mounts.find(({ name }) => name === '' || text === name || text.startsWith(`${name}/`));
  if (!mount) return false;
  const rest = text.slice(mount.name.length).replace(/^\/+/, '');
  args[fd] = mount.fd;
  args[path] = rest === '' ? thread.dot() ?? start : start + size - rest.length;
  args[path + 1] = rest.length || 1;
  return true;
}
