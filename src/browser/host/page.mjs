// page.mjs: what portalis-browser-run does inside the page.

/**
 * Load an Emscripten-built ES module and run it. Playwright sends this function's source to the page, so that it uses
 * nothing from outside itself but two functions that the runner has put there:
 *   portalisLines(lines)      lines of output, each [stream, text]
 *   portalisEnd(code, text?)  the program ended with this code, or failed with this text
 */
export async function startProgram({ url, name, args, env }) {
  const lines = [];
  let isSending = false;
  let hasEnded = false;

  // One message at a time: what is printed while it is on its way goes together with the next.
  const flush = () => globalThis.portalisLines(lines.splice(0));
  const print = async (stream, text) => {
    lines.push([stream, text]);
    if (isSending) return;
    isSending = true;
    while (lines.length > 0) await flush();
    isSending = false;
  };
  globalThis.portalisFlush = flush; // for the runner, before it reports a failure

  const end = (code, text) => {
    if (hasEnded) return;
    hasEnded = true;
    flush();
    globalThis.portalisEnd(code, text);
  };

  const setEnvironment = (module) => {
    // Not module.ENV: in a build with assertions, reading what is not exported aborts.
    const target = Object.getOwnPropertyDescriptor(module, 'ENV')?.value;
    if (!target) throw new Error(`--env: link ${name} with -sEXPORTED_RUNTIME_METHODS=ENV`);
    Object.assign(target, env);
  };

  try {
    const { default: create } = await import(url);
    if (typeof create !== 'function') throw new Error(`${name} is not made by -sMODULARIZE -sEXPORT_ES6`);
    await create({
      thisProgram: name,
      arguments: args,
      preRun: Object.keys(env).length > 0 ? [setEnvironment] : [],
      stdin: () => null, // the end of input; Emscripten would open a dialog
      print: (text) => print(1, text),
      printErr: (text) => print(2, text),
      onExit: (code) => end(code),
      onAbort: (what) => end(134, `aborted: ${what}`),
    });
  } catch (error) {
    if (error?.name === 'ExitStatus') end(error.status);
    else end(134, String(error?.stack ?? error));
  }
}
