// build.mjs: configures and builds presets, quietly as long as all goes well.  node cmake/build.mjs native wasi ...
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function run(preset, what, args) {
  const { status, stdout, stderr, error } = spawnSync('cmake', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  const text = `${stdout ?? ''}${stderr ?? ''}`;
  if (status !== 0) {
    console.error(`${text}\nbuild: ${preset}: ${what} failed${error ? `: ${error.message}` : ''}`);
    process.exit(1);
  }
  for (const line of text.split('\n')) if (/warning:/.test(line)) console.error(line);
}

for (const preset of process.argv.slice(2)) {
  console.error(`build: ${preset}`);
  run(preset, 'configuring', ['--preset', preset]);
  run(preset, 'building', ['--build', '--preset', preset]);
}
