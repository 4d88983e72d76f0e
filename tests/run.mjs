// run.mjs: runs the tests of several presets in one ctest listing, and closes with a line for each and one for all.
//   node tests/run.mjs native wasi browser
// What is counted are the single tests inside the test programs; a program that prints no such count is one test.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const build = join(dirname(dirname(fileURLToPath(import.meta.url))), 'build');
const presets = process.argv.slice(2);
const report = join(build, 'tests.xml');

const missing = presets.filter((preset) => !existsSync(join(build, preset, 'CTestTestfile.cmake')));
if (presets.length === 0 || missing.length > 0) {
  console.error(`run: not built: ${missing.join(' ') || 'nothing given'}; run: make test`);
  process.exit(2);
}
writeFileSync(join(build, 'CTestTestfile.cmake'), `subdirs(${presets.join(' ')})\n`);
// Simulated tests do not mind what else runs.
const jobs = presets.every((preset) => preset === 'sim') ? availableParallelism() : 1;
const { status } = spawnSync('ctest', ['--test-dir', build, '-j', `${jobs}`, '--output-on-failure', '--no-tests=error', '--output-junit', report,
  '--test-output-size-passed', '1000000', '--test-output-size-failed', '1000000'], { stdio: 'inherit' });

// cmocka's closing lines, and those of Node's test runner.
const words = { passed: ['PASSED ', 'pass'], failed: ['FAILED ', 'fail'], skipped: ['SKIPPED', 'skipped'] };

function countIn(text, [cmocka, node]) {
  const lines = new RegExp(`^\\[  ${cmocka} \\] (\\d+) test\\(s\\)|^# ${node} (\\d+)$`, 'gm');
  return [...text.matchAll(lines)].reduce((sum, [, a, b]) => sum + Number(a ?? b), 0);
}

const counts = Object.fromEntries(presets.map((preset) => [preset, { passed: 0, failed: 0, skipped: 0 }]));
const cases = readFileSync(report, 'utf8').matchAll(/<testcase name="([^"]*)"[^>]*status="([^"]*)"[^>]*>(.*?)<\/testcase>/gs);
for (const [, name, result, text] of cases) {
  const count = counts[name.slice(0, name.indexOf('.'))];
  const [passed, failed, skipped] = Object.values(words).map((pair) => countIn(text, pair));
  const ok = result === 'run';
  count.passed += passed || (ok && skipped === 0 ? 1 : 0);
  count.failed += ok ? 0 : Math.max(failed, 1);
  count.skipped += skipped;
}

const all = { passed: 0, failed: 0, skipped: 0 };
const line = (name, { passed, failed, skipped }) => console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
for (const preset of presets) {
  for (const key of Object.keys(all)) all[key] += counts[preset][key];
  line(preset, counts[preset]);
}
line('all', all);
process.exit(status === 0 && all.failed === 0 && all.passed > 0 ? 0 : 1);
