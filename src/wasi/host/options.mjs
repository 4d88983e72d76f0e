// The options of portalis-wasi-run: help text, parser and the checks that need no module.

import { readFileSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';

export const helpText = `Usage: portalis-wasi-run [options] module.wasm [args...]

Runs a WASI (preview 1) program on Node. Threads follow the wasi-threads ABI: each is a Worker over one shared memory.

  --dir HOST[::GUEST]      let the program use the folder HOST, under the name GUEST (default: HOST); repeatable
  --env NAME=VALUE         set a variable in the program's environment, which has otherwise only PT_PARALLELISM, the
                           number of processors; repeatable
  --env NAME               the same, with this process's value, if it has one
  --max-memory SIZE        let the program's shared memory grow to SIZE at most: bytes, or 64MiB, 2GiB
                           (default: the maximum that the module declares)
  --max-threads N          threads at a time besides the main thread; pthread_create gives EAGAIN beyond (default: 256)
  --warm-threads N         Workers started ahead, for the first pthread_create calls to be fast (default: 2)
  --version, --help
  --                       end of options

The exit code is the program's; 134 after a trap in any of its threads; 2 for an error in the options or the module.
`;

const optionTypes = {
  dir: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  'max-memory': { type: 'string' },
  'max-threads': { type: 'string' },
  'warm-threads': { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

/** A mistake of the user: shown as one line, exit code 2. */
export class UsageError extends Error {}

export function version() {
  return JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).version;
}

/** What the command line asks for; throws UsageError. hostEnv is where "--env NAME" takes its values from. */
export function parseCommandLine(argv, hostEnv) {
  const [own, rest] = splitAtModule(argv);
  const values = parseOwnOptions(own);
  if (values.help || values.version) return values;
  if (rest.length === 0) throw new UsageError('no module given; see --help');
  return {
    modulePath: rest[0],
    args: rest,
    env: environment(values.env ?? [], hostEnv),
    preopens: preopens(values.dir ?? []),
    maxMemory: values['max-memory'] === undefined ? undefined : byteSize(values['max-memory']),
    maxThreads: count('--max-threads', values['max-threads'], 256),
    warmThreads: count('--warm-threads', values['warm-threads'], 2),
  };
}

/** Options end at the first word that is not one, so that the program's own options are left alone. */
function splitAtModule(argv) {
  const { tokens } = parseArgs({ args: argv, options: optionTypes, strict: false, tokens: true });
  const end = tokens.find((token) => token.kind !== 'option');
  if (end === undefined) return [argv, []];
  return [argv.slice(0, end.index), argv.slice(end.kind === 'option-terminator' ? end.index + 1 : end.index)];
}

function parseOwnOptions(args) {
  try {
    return parseArgs({ args, options: optionTypes }).values;
  } catch (error) {
    throw new UsageError(`${error.message.split('\n')[0].replace(/\. To specify a positional.*$/, '')}; see --help`);
  }
}

function environment(settings, hostEnv) {
  const env = {};
  for (const setting of settings) {
    const [, name, value] = /^([^=]+)(?:=(.*))?$/s.exec(setting) ?? [];
    if (name === undefined) throw new UsageError(`--env ${setting}: expected NAME=VALUE or NAME`);
    if (value !== undefined) env[name] = value;
    else if (hostEnv[name] !== undefined) env[name] = hostEnv[name];
  }
  return env;
}

function preopens(settings) {
  const folders = {};
  for (const setting of settings) {
    const cut = setting.indexOf('::');
    const host = cut < 0 ? setting : setting.slice(0, cut);
    const guest = cut < 0 ? setting : setting.slice(cut + 2);
    if (host === '' || guest === '') throw new UsageError(`--dir ${setting}: expected HOST or HOST::GUEST`);
    if (!statSync(host, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UsageError(`--dir ${setting}: ${host} is not a folder`);
    }
    if (Object.hasOwn(folders, guest)) throw new UsageError(`--dir ${setting}: ${guest} is given twice`);
    folders[guest] = host;
  }
  return folders;
}

export function byteSize(text) {
  const [, digits, unit] = /^(\d+)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  if (digits === undefined) throw new UsageError(`--max-memory ${text}: expected bytes, or a size like 64MiB or 2GiB`);
  return Number(digits) * { undefined: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[unit];
}

function count(option, text, otherwise) {
  if (text === undefined) return otherwise;
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`${option} ${text}: expected a number`);
  return Number(text);
}
