// The arm64 assembler writes the bytes that objdump reads as intended (npm run check:arm64), every instruction has a
// form, and branches and constants are found however far away they are.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Assembler, CONDITION } from "../../src/engine/backends/cpu/native/arm64/assembler.ts";
import { ATOMIC, MEMORY } from "../../src/engine/backends/cpu/native/arm64/memory_opcodes.ts";
import {
  BINARY,
  BY_ELEMENT,
  LANE,
  SHIFT,
  UNARY,
} from "../../src/engine/backends/cpu/native/arm64/vector_opcodes.ts";
import { newLabel } from "../../src/engine/backends/cpu/native/label.ts";
import { bytesOf, forms, hexOf } from "./arm64_forms.ts";

const fixture = new URL("../fixtures/arm64_forms.json", import.meta.url);
const table: Readonly<Record<string, string>> = JSON.parse(readFileSync(fixture, "utf8"));

test("instructions have the bytes of the table", () => {
  const written = forms().map((form) => [form.text, hexOf(bytesOf(form))]);
  expect(Object.fromEntries(written)).toEqual(table);
});

describe("there is a form of", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const writeAll = (): void => {
    for (const { write } of forms()) write(new Assembler());
  };
  const methods = Object.getOwnPropertyNames(Assembler.prototype).filter((name) => name !== "constructor");

  test("every method that writes an instruction", () => {
    const prototype: Record<string, () => void> = Object(Assembler.prototype);
    const spies = methods.map((name) => vi.spyOn(prototype, name));
    writeAll();
    expect(methods.filter((_, i) => spies[i].mock.calls.length === 0)).toEqual([]);
  });

  test.each([
    ["binary", BINARY],
    ["unary", UNARY],
    ["byElement", BY_ELEMENT],
    ["lane", LANE],
    ["shift", SHIFT],
    ["memory", MEMORY],
    ["atomic", ATOMIC],
  ] as const)("every row of the table of %s", (method, rows) => {
    const spy = vi.spyOn(Assembler.prototype, method);
    writeAll();
    expect(new Set(spy.mock.calls.map(([name]) => name))).toEqual(new Set(Object.keys(rows)));
  });

  test.each(["jumpIf", "choose", "setIf", "chooseScalar"] as const)("every condition of %s", (method) => {
    const spy = vi.spyOn(Assembler.prototype, method);
    writeAll();
    expect(new Set(spy.mock.calls.map(([name]) => name))).toEqual(new Set(Object.values(CONDITION)));
  });
});

test("what an instruction cannot hold is refused", () => {
  const a = new Assembler();
  expect(() => a.addConstant(0, 0, 4097)).toThrow(/does not fit/);
  expect(() => a.memory("load64", 0, { base: 0, disp: 4096 * 8 })).toThrow(/from its base/);
  expect(() => a.memory("load64", 0, { base: 0, disp: -257 })).toThrow(/from its base/);
  expect(() => a.memory("load64", 0, { base: 0, index: 1, shift: 2 })).toThrow(/shifted/);
  expect(a.splatConstant(0, 0x12345678)).toBe(false);
  expect(a.length).toBe(0);
});

test("a jump to nowhere is refused", () => {
  for (const write of [
    (a: Assembler) => a.jump(newLabel()),
    (a: Assembler) => a.jumpIf(CONDITION.equal, newLabel()),
  ]) {
    const a = new Assembler();
    write(a);
    expect(() => a.finish()).toThrow(/not bound/);
  }
});

describe("far away", () => {
  const MEBI_WORDS = 2 ** 18;
  /** Follows a taken branch, and the plain branches that it leads to. */
  const follow = (words: DataView, at: number): number => {
    const word = words.getInt32(at, true);
    const isPlain = word >>> 26 === 0x05;
    const distance = isPlain ? (word << 6) >> 6 : (word << 8) >> 13;
    const to = at + 4 * distance;
    return words.getInt32(to, true) >>> 26 === 0x05 ? follow(words, to) : to;
  };
  const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const CONDITIONAL: readonly ((a: Assembler, target: ReturnType<typeof newLabel>) => void)[] = [
    (a, target) => a.jumpIf(CONDITION.less, target),
    (a, target) => a.jumpIfZero(3, target),
    (a, target) => a.jumpUnlessZero(3, target),
  ];

  test.each([10, MEBI_WORDS - 40, MEBI_WORDS - 2, MEBI_WORDS, MEBI_WORDS + 5, 3 * MEBI_WORDS])(
    "branches and constants over %i instructions lead to their places",
    (count) => {
      const a = new Assembler();
      const [start, end] = [newLabel(), newLabel()];
      a.bind(start);
      const at = CONDITIONAL.map((write) => {
        const from = a.length;
        write(a, end);
        return from;
      });
      const constants = [1, 2, 4].map((size) => {
        const from = a.length;
        a.constant(
          5,
          Array.from({ length: size }, (_, i) => size * 100 + i),
        );
        return { from, size };
      });
      for (let i = 0; i < count; i++) a.return();
      a.bind(end);
      a.systemCall();
      const back = CONDITIONAL.map((write) => {
        const from = a.length;
        write(a, start);
        return { from, isLong: a.length - from === 8 };
      });
      a.return();
      const words = viewOf(a.finish());
      for (const from of at) expect(follow(words, from)).toBe(end.at);
      for (const { from, size } of constants) {
        const place = from + 4 * ((words.getInt32(from, true) << 8) >> 13);
        expect(place % (4 * size)).toBe(0);
        const got = Array.from({ length: size }, (_, i) => words.getInt32(place + 4 * i, true));
        expect(got).toEqual(got.map((_, i) => size * 100 + i));
      }
      for (const { from, isLong } of back) {
        expect(isLong).toBe(from >= 4 * MEBI_WORDS);
        // The opposite condition passes over a branch.
        if (isLong) expect(follow(words, from)).toBe(from + 8);
        expect(follow(words, isLong ? from + 4 : from)).toBe(0);
      }
    },
  );

  test("an island is passed over", () => {
    const a = new Assembler();
    const end = newLabel();
    a.jumpIf(CONDITION.equal, end);
    for (let i = 0; i < MEBI_WORDS; i++) a.return();
    a.bind(end);
    const words = viewOf(a.finish());
    const isReturn = (at: number) => words.getUint32(at, true) === 0xd65f03c0;
    const island = Array.from({ length: MEBI_WORDS }, (_, i) => 4 * i + 4).find((at) => !isReturn(at));
    expect(island).toBeGreaterThan(4 * MEBI_WORDS - 200);
    expect(isReturn(follow(words, island ?? 0))).toBe(true);
    expect(words.byteLength).toBe(4 * (1 + MEBI_WORDS + 2));
  });
});

test("distances between labels are words of 64 bits", () => {
  const a = new Assembler();
  const [first, table] = [newLabel(), newLabel()];
  a.bind(first);
  a.return();
  a.align(8);
  a.bind(table);
  a.offsets(table, [first, table]);
  expect([...new BigInt64Array(a.finish().slice(8).buffer)]).toEqual([-8n, 0n]);
  expect(() => a.offsets(table, [newLabel()])).toThrow(/not bound/);
});
