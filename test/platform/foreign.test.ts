// Functions of shared libraries, and where arrays lie for them.

import { describe, expect, test } from "vitest";
import type { ForeignCalls } from "../../src/platform/native.ts";
import { foreign } from "../../src/platform/node/foreign.ts";

const opened = foreign.open();

function tests(calls: ForeignCalls): void {
  test("are called with numbers and addresses", () => {
    const atoi = calls.load().bind("atoi", ["address"]);
    const text = new TextEncoder().encode("-42\0");
    expect(atoi?.(calls.addressOf(text))).toBe(-42);
  });

  test("arrays stay where they are, small ones too", () => {
    const copy = calls.load().bind("memcpy", ["address", "address", "address"]);
    const arrays = Array.from({ length: 100 }, () => new Int32Array(1));
    const addresses = arrays.map((array) => calls.addressOf(array));
    const garbage = Array.from({ length: 1e6 }, (_, i) => [i]);
    const value = Int32Array.of(garbage.length);
    for (const address of addresses) copy?.(address, calls.addressOf(value), 4);
    expect(arrays.every(([element]) => element === 1e6)).toBe(true);
  });

  test("a part of an array lies within it", () => {
    const array = new Float32Array(1000);
    expect(calls.addressOf(array.subarray(10))).toBe(calls.addressOf(array) + 40);
    expect(calls.addressOf(new Float32Array(0))).toBe(0);
  });

  test("what a library lacks is undefined; a library that is not there is refused", () => {
    expect(calls.load().bind("imago_has_no_such_function", [])).toBeUndefined();
    expect(calls.load().symbol("imago_has_no_such_variable")).toBeUndefined();
    expect(() => calls.load("libimago-nowhere.so")).toThrow();
  });
}

if (typeof opened === "string") describe.skip(`functions of libraries (skipped: ${opened})`, () => {});
else describe("functions of libraries", () => tests(opened));
