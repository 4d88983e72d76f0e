#!/usr/bin/env node
// portalis-wasi-run: run a WASI program, threads included, on Node. This file is the command line; the run itself is
// in supervisor.mjs.

const oldestNode = 20;

function fail(text) {
  process.stderr.write(`portalis-wasi-run: ${text}\n`);
  process.exit(2);
}

// Everything else is imported after this check, so that an old Node gives this message and not a syntax error.
if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  fail(`Node ${oldestNode} or newer is needed, this is ${process.versions.node}`);
}

const { helpText, parseCommandLine, UsageError, version } = await import('./options.mjs');

try {
  const options = parseCommandLine(process.argv.slice(2), process.env);
  if (options.help) process.stdout.write(helpText);
  else if (options.version) process.stdout.write(`portalis-wasi-run ${version()}\n`);
  else await (await import('./supervisor.mjs')).run(options);
} catch (error) {
  if (error instanceof UsageError) fail(error.message);
  if (error?.code === 'ERR_MODULE_NOT_FOUND') {
    fail(`${error.message.split('\n')[0]}; run "npm ci --ignore-scripts" in ${import.meta.dirname}`);
  }
  throw error;
}
