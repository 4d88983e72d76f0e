// trace.test.mjs: PT_TRACE in the environment traces a whole program. PT_PROGRAM: the program; PT_RUNNER: what runs it, if not
// itself.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const { PT_PROGRAM: program, PT_RUNNER: runner } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'pt-trace-'));
after(() => rmSync(folder, { recursive: true }));

// Run it with PT_TRACE naming a file in the folder; or some other path.
function run(how, file, path = file) {
  const [command, args, env] = runner
    ? ['node', [runner, '--dir', `${folder}::/out`, '--env', `PT_TRACE=${path && `/out/${path}`}`, program, how], process.env]
    : [program, [how], { ...process.env, PT_TRACE: path && join(folder, path) }];
  const { status, stderr } = spawnSync(command, args, { env, encoding: 'utf8', timeout: 60000 });
  assert.equal(status, 0, stderr);
  return stderr;
}

for (const how of ['return', 'exit', 'open']) {
  test(`a program that ends by ${how}`, () => {
    run(how, `${how}.json`);
    const { traceEvents: events, otherData } = JSON.parse(readFileSync(join(folder, `${how}.json`), 'utf8'));
    assert.equal(otherData.dropped, 0);
    const names = new Map(events.filter(({ ph }) => ph === 'M').map(({ tid, args }) => [tid, args.name]));
    const on = (name) => events.filter((event) => event.ph !== 'M' && event.name === name).map(({ tid }) => names.get(tid));
    assert.deepEqual(on('work'), ['worker']);
    assert(on('rest').every((name) => /^crew-\d+$/.test(name)));
    assert.equal(on('job').length, 100);
    for (const name of on('job')) assert.match(name, /^crew-\d+$/);
    assert.deepEqual(on('running on'), how === 'open' ? ['left'] : []);
    for (const { ph, ts, dur } of events) {
      if (ph === 'X') assert(ts >= 0 && dur >= 0);
    }
  });
}

test('a path that cannot be is said, and the program runs', () => {
  assert.match(run('return', 'no/such/folder.json'), /PT_TRACE: the file cannot be made/);
});

test('an empty one is none', () => {
  assert.equal(run('return', ''), '');
});
