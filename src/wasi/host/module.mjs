// What the host must know of a module before it can be instantiated: the limits of the memory that it imports.
// JavaScript's WebAssembly.Module.imports() does not tell them, so the import section is read here.

import { UsageError } from './options.mjs';

export const pageSize = 65536;

const importSection = 2;
const kind = { function: 0, table: 1, memory: 2, global: 3, tag: 4 };
const limitsFlag = { hasMaximum: 1, shared: 2, is64: 4 };

/** Walks over the bytes of a module; the engine has validated them before, so that nothing is checked twice. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** LEB128, unsigned. Multiplication, not shift: a size may need more than 31 bits. */
  number() {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  name() {
    const length = this.number();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  limits() {
    const flags = this.byte();
    const initial = this.number();
    const maximum = flags & limitsFlag.hasMaximum ? this.number() : undefined;
    return { initial, maximum, shared: Boolean(flags & limitsFlag.shared), is64: Boolean(flags & limitsFlag.is64) };
  }

  /** A value type is one byte, or two for a reference with its heap type spelled out. */
  valueType() {
    const code = this.byte();
    if (code === 0x63 || code === 0x64) this.number();
  }

  /** What follows an import's names: for a memory its limits, else nothing of interest. */
  importType() {
    switch (this.byte()) {
      case kind.function: this.number(); break;
      case kind.table: this.valueType(); this.limits(); break;
      case kind.memory: return this.limits();
      case kind.global: this.valueType(); this.byte(); break;
      case kind.tag: this.byte(); this.number(); break;
    }
    return undefined;
  }
}

/** The memory that a valid module imports: { module, name, initial, maximum, shared }, pages; or undefined. */
export function importedMemory(bytes) {
  const reader = new Reader(bytes);
  reader.at = 8; // the magic number and the version
  while (reader.at < bytes.length) {
    const section = reader.byte();
    const size = reader.number();
    if (section === importSection) return memoryAmongImports(reader);
    reader.at += size;
  }
  return undefined;
}

function memoryAmongImports(reader) {
  for (let left = reader.number(); left > 0; left--) {
    const module = reader.name();
    const name = reader.name();
    const limits = reader.importType();
    if (limits) return { module, name, ...limits };
  }
  return undefined;
}

/** The memory to create for that import; maxBytes lowers its maximum. Throws UsageError where they do not fit. */
export function memoryDescriptor(declared, maxBytes) {
  if (declared.is64) throw new UsageError('the module imports a 64-bit memory, which node:wasi does not support');
  const { initial, shared } = declared;
  let { maximum } = declared;
  if (maxBytes !== undefined) {
    const pages = Math.floor(maxBytes / pageSize);
    if (pages < initial) {
      throw new UsageError(`--max-memory ${maxBytes}: the module needs ${initial * pageSize} bytes to start`);
    }
    maximum = Math.min(pages, maximum ?? pageSize);
  }
  return { initial, shared, ...(maximum === undefined ? {} : { maximum }) };
}
