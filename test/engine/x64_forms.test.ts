// The assembler writes the bytes that objdump reads as intended (npm run check:x64), and every instruction has a form.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { newLabel } from "../../src/engine/backends/cpu/native/label.ts";
import { Assembler, CONDITION } from "../../src/engine/backends/cpu/native/x64/assembler.ts";
import { EVEX_ONLY, VECTOR } from "../../src/engine/backends/cpu/native/x64/vector_opcodes.ts";
import { bytesOf, ENCODINGS, type Encoding, forms, hexOf } from "./x64_forms.ts";
import { EVEX_ONLY_ROWS, VECTOR_ROWS } from "./x64_vector_shapes.ts";

const fixture = new URL("../fixtures/x64_forms.json", import.meta.url);
const table: Readonly<Record<Encoding, Readonly<Record<string, string>>>> = JSON.parse(
  readFileSync(fixture, "utf8"),
);

test.each(ENCODINGS)("%s instructions have the bytes of the table", (encoding) => {
  const written = forms[encoding].map((form) => [form.text, hexOf(bytesOf(encoding, form))]);
  expect(Object.fromEntries(written)).toEqual(table[encoding]);
});

describe("there is a form of", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Those that write no instruction: a label, data, the end. */
  const OTHERS = ["constructor", "bind", "offsets", "finish"];
  const methods = Object.entries(Object.getOwnPropertyDescriptors(Assembler.prototype))
    .filter(([name, { value }]) => typeof value === "function" && !OTHERS.includes(name))
    .map(([name]) => name);

  test("every method that writes an instruction", () => {
    const prototype: Record<string, () => void> = Object(Assembler.prototype);
    const spies = methods.map((name) => vi.spyOn(prototype, name));
    for (const encoding of ENCODINGS)
      for (const { write } of forms[encoding]) write(new Assembler(encoding === "evex"));
    expect(methods.filter((_, i) => spies[i].mock.calls.length === 0)).toEqual([]);
  });

  test("every row of the tables, at every width that it has", () => {
    const vector = vi.spyOn(Assembler.prototype, "vector");
    const written = (encoding: Encoding) => {
      vector.mockClear();
      for (const { write } of forms[encoding]) write(new Assembler(encoding === "evex"));
      return new Set(vector.mock.calls.map(([op, width]) => `${nameOf(op)} ${width}`));
    };
    const names = [...Object.keys(VECTOR), ...Object.keys(EVEX_ONLY)];
    const rows: Readonly<Record<string, (typeof VECTOR_ROWS)[keyof typeof VECTOR_ROWS]>> = {
      ...VECTOR_ROWS,
      ...EVEX_ONLY_ROWS,
    };
    expect(Object.keys(rows).sort()).toEqual(names.sort());
    expect(names.filter((name) => rows[name].vex === undefined && rows[name].evex === undefined)).toEqual([]);
    for (const encoding of ["vex", "evex"] as const) {
      const wanted = names.flatMap((name) => (rows[name][encoding] ?? []).map((width) => `${name} ${width}`));
      expect([...written(encoding)].sort()).toEqual(wanted.sort());
    }
  });

  const nameOf = (op: unknown): string =>
    Object.entries({ ...VECTOR, ...EVEX_ONLY }).find(([, row]) => row === op)?.[0] ?? "another";

  test("every condition", () => {
    const jumpIf = vi.spyOn(Assembler.prototype, "jumpIf");
    for (const { write } of forms.integer) write(new Assembler(false));
    expect(new Set(jumpIf.mock.calls.map(([condition]) => condition))).toEqual(
      new Set(Object.values(CONDITION)),
    );
  });
});

test("distances between labels are words of 64 bits", () => {
  const a = new Assembler(false);
  const [first, table, last] = [newLabel(), newLabel(), newLabel()];
  a.bind(first);
  a.align(8);
  a.return();
  a.align(8);
  a.bind(table);
  a.bind(last);
  a.offsets(table, [first, last]);
  expect([...new BigInt64Array(a.finish().slice(8).buffer)]).toEqual([-8n, 0n]);
  expect(() => a.offsets(table, [newLabel()])).toThrow(/not bound/);
});

test("a jump to nowhere is refused", () => {
  const a = new Assembler(false);
  a.jump(newLabel());
  expect(() => a.finish()).toThrow(/not bound/);
});
