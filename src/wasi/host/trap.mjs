// What is said of a trap or another exception that came out of the program.

/** The program's own part of a stack, each frame on a new line; "" if there is none. */
export function programStack(stack = '') {
  return stack.split('\n').filter((line) => line.includes('wasm://')).map((line) => `\n${line}`).join('');
}

/** One line for what went wrong, then the stack. */
export function describe(error) {
  if (!(error instanceof Error)) return `uncaught exception: ${String(error)}`;
  if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message}${programStack(error.stack)}`;
  if (/call stack/.test(error.message)) return `trap: stack overflow${programStack(error.stack)}`;
  return error.stack ?? String(error);
}
