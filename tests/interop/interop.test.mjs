// interop.test.mjs: what cbor-x, cbor and Node's JSON write, message_tool reads, and the other way round. PT_PROGRAM names the
// tool. Random messages from a seed that is printed; PT_TEST_SEED sets it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const packages = await Promise.all([import('cbor-x'), import('cbor')]).catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  return null;
});
const skip = packages === null && 'the npm packages cbor-x and cbor are not installed; cmake/setup.sh native does that';
if (skip) console.log(`interop: only with JSON: ${skip}`);
const [cborX, { default: nodeCbor }] = packages ?? [null, { default: null }];

const seed = Number(process.env.PT_TEST_SEED ?? Date.now() % 2 ** 31);
console.log(`interop: PT_TEST_SEED=${seed}`);
let state = seed;
function random(n) { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
}
const many = (most, make) => Array.from({ length: random(most) }, (_, i) => make(i));
const between = (least, most) => least + Math.floor((random(2 ** 30) / 2 ** 30) * (most - least + 1));
const text = (most = 12) => many(most, () => ['a', 'Z', '"', '\\', '\n', '\u0001', 'é', '€', '\u{1f600}'][random(9)]).join('');
const bits = new DataView(new ArrayBuffer(8));
function anyDouble() {
  bits.setUint32(0, random(2 ** 31) * 2 + random(2));
  bits.setUint32(4, random(2 ** 31) * 2 + random(2));
  return Number.isFinite(bits.getFloat64(0)) ? bits.getFloat64(0) : 2 ** between(-1074, 1023);
}
const doubles = () => random(2) ? anyDouble() : random(4) === 0 ? 2 ** between(-1074, 1023) : [0, 1, -1, 0.1, 1 / 3, 1e300, 5e-324, 123456789.125, 2 ** 53, 2 ** 40 + 1, 1.5, -2.5e-7][random(12)];
const point = () => ({ x: between(-(2 ** 31), 2 ** 31 - 1), y: between(-100, 100) });
const tree = (depth) => {
  const children = depth === 0 ? [] : many(3, () => tree(depth - 1));
  return children.length > 0 ? { name: text(), children } : { name: text() };
};

// The order is the schema's, so that JSON comes back as the same text. Octets are bytes here.
function message() {
  const e = {
    i8: between(-128, 127), i16: between(-32768, 32767), i32: between(-(2 ** 31), 2 ** 31 - 1),
    i64: between(-(2 ** 53), 2 ** 53), u8: between(0, 255), u16: between(0, 65535), u32: between(0, 2 ** 32 - 1),
    u64: between(0, 2 ** 53), single: Math.fround(between(-1000, 1000) / 8), number: doubles(), flag: random(2) === 1,
    string: random(4) === 0 ? null : text(), chars: 'chars'.slice(random(5)), utf8: text(), bytes: Buffer.from(many(20, () => random(256))),
    octets: Buffer.from([1, 2, 3, random(256), 255]), colour: ['red', 'green', 'blue'][random(3)], point: point(),
  };
  if (random(2)) e.maybe = doubles();
  if (random(2)) e.corner = point();
  Object.assign(e, {
    triple: [random(65536), 0, 1], palette: many(5, () => ['red', 'green', 'blue'][random(3)]), samples: many(9, doubles),
    path: many(5, point), words: many(5, () => (random(4) === 0 ? null : text())), rows: many(4, () => many(9, () => between(-9, 9))),
    weights: Object.fromEntries(many(4, (i) => [`${text(4)}k${i}`, doubles()])),
    places: Object.fromEntries(many(4, (i) => [`p${i}`, point()])), tree: tree(2),
    list: random(2) ? { value: random(100), next: { value: -1 } } : null,
  });
  if (random(2)) e['left out'] = 1 + random(9);
  if (random(2)) e.note = text();
  return e;
}
const asJson = (e) => ({ ...e, bytes: e.bytes.toString('base64url'), octets: e.octets.toString('base64url') });
const messages = Array.from({ length: 200 }, message);

function tool(input, ...args) {
  const { status, stdout, stderr } = spawnSync(process.env.PT_PROGRAM, args, { input, maxBuffer: 1 << 28 });
  assert.equal(`${stderr}`, '');
  assert.equal(status, 0);
  return stdout;
}
const lines = (buffer) => `${buffer}`.trimEnd().split('\n');
// Without prototypes; 64 bits, which some read as BigInt, hold nothing here that a number does not.
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));

// -0 is lost by JSON.stringify, and there is none here.
const encoders = skip ? {} : {
  'cbor-x': new cborX.Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false, variableMapSize: true }),
  'cbor-x, maps of 16 bits': new cborX.Encoder({ useRecords: false, tagUint8Array: false }),
};
const writers = skip ? {} : {
  ...Object.fromEntries(Object.entries(encoders).map(([name, encoder]) => [name, (e) => encoder.encode(e)])),
  cbor: (e) => nodeCbor.encodeOne(e, { highWaterMark: 1 << 20 }),
  'cbor, canonical': (e) => nodeCbor.encodeOne(e, { canonical: true, highWaterMark: 1 << 20 }),
};
const readers = skip ? {} : {
  'cbor-x': (buffer) => encoders['cbor-x'].decodeMultiple(buffer),
  cbor: (buffer) => nodeCbor.decodeAllSync(buffer),
};

test('JSON comes back letter by letter', () => {
  const input = messages.map((e) => JSON.stringify(asJson(e)));
  assert.deepEqual(lines(tool(input.join('\n'), 'json', 'json')), input);
});

for (const [name, write] of Object.entries(writers)) {
  test(`what ${name} writes is read`, () => {
    const output = lines(tool(Buffer.concat(messages.map(write)), 'cbor', 'json'));
    assert.deepEqual(output.map((line) => JSON.parse(line)), messages.map(asJson).map(plain));
  });
}

for (const [name, read] of Object.entries(readers)) {
  for (const form of [[], ['deterministic']]) {
    test(`${name} reads what we write${form.length ? ' in deterministic form' : ''}`, () => {
      const output = tool(messages.map((e) => JSON.stringify(asJson(e))).join('\n'), 'json', 'cbor', ...form);
      const back = read(output).map((e) => asJson({ ...e, bytes: Buffer.from(e.bytes), octets: Buffer.from(e.octets) }));
      assert.deepEqual(back.map(plain), messages.map(asJson).map(plain));
    });
  }
}

test('deterministic forms are the same, byte by byte', { skip }, () => {
  const first = messages[0];
  const ours = tool(JSON.stringify(asJson(first)), 'json', 'cbor', 'deterministic');
  const again = tool(ours, 'cbor', 'cbor', 'deterministic');
  assert.deepEqual(ours, again);
  // cbor's canonical form has the older rules of RFC 7049 for keys, which are those of 8949's for text keys.
  const small = { i: 1, aa: 2 };
  assert.deepEqual(Object.keys(nodeCbor.decodeFirstSync(nodeCbor.encodeCanonical(small))), ['i', 'aa']);
});

test('integers that no double holds', { skip }, () => {
  const e = { ...messages[0], i64: -(2n ** 63n), u64: 2n ** 64n - 1n };
  for (const write of [encoders['cbor-x'].encode.bind(encoders['cbor-x']), (v) => nodeCbor.encodeOne(v, { highWaterMark: 1 << 20 })]) {
    const [line] = lines(tool(write(e), 'cbor', 'json'));
    assert.match(line, /"i64":-9223372036854775808,/);
    assert.match(line, /"u64":18446744073709551615,/);
  }
});

test('what is broken is refused with its place', () => {
  const { status, stderr } = spawnSync(process.env.PT_PROGRAM, ['json', 'cbor'], { input: '{"i8":1,"i16":"x"}' });
  assert.equal(status, 1);
  assert.equal(`${stderr}`, 'wrong type at byte 14, $.i16\n');
});
