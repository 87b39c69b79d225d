import { expect, test } from "vitest";
import {
  choice,
  decimal,
  fileName,
  integer,
  nonEmpty,
  settings,
  weightedFiles,
} from "../../src/cli/parsers.ts";

test("whole numbers", () => {
  const parse = integer("--n", 1, 100);
  expect(parse("42")).toBe(42);
  for (const text of [
    "",
    " 1",
    "1 ",
    "1.5",
    "1e2",
    "0x10",
    "ten",
    "0",
    "101",
    "NaN",
    "99999999999999999999",
  ]) {
    expect(() => parse(text)).toThrow(`--n is "${text}"; expected a whole number from 1 to 100`);
  }
});

test("numbers", () => {
  const parse = decimal("--x", { min: 0, inclusive: false });
  for (const [text, value] of [
    ["1e-4", 1e-4],
    [".5", 0.5],
    ["2.", 2],
    ["+3", 3],
  ] as const) {
    expect(parse(text)).toBe(value);
  }
  for (const text of ["", "0", "-1", "1e999", "Infinity", "1,5", "0x1", "5%"]) {
    expect(() => parse(text)).toThrow(`--x is "${text}"; expected a number above 0`);
  }
  expect(decimal("--y", { min: 0, max: 1 })("0")).toBe(0);
  expect(() => decimal("--y", { min: 0, max: 1 })("1.1")).toThrow("expected a number from 0 to 1");
});

test("names and files", () => {
  expect(choice("--c", ["a", "b"])("b")).toBe("b");
  expect(() => choice("--c", ["a", "b", "c"])("d")).toThrow('--c is "d"; expected a, b or c');
  expect(fileName("--f", [".png"])("x/Y.PNG")).toBe("x/Y.PNG");
  expect(() => fileName("--f", [".png"])("x.gif")).toThrow("ends in .png");
  expect(() => nonEmpty("--out")(" ")).toThrow("--out is empty");
});

test("settings, one after the other", () => {
  const parse = settings("--set");
  const first = parse("use_karras_sigmas=true");
  expect(parse("solver_type=heun", parse("betas=[0.1, 2]", first))).toEqual({
    use_karras_sigmas: true,
    betas: [0.1, 2],
    solver_type: "heun",
  });
  for (const text of ["", "name", "=1", "a b=1", "1a=2"]) {
    expect(() => parse(text)).toThrow(`--set is "${text}"; expected NAME=VALUE`);
  }
});

test("files with weights", () => {
  const parse = weightedFiles("--lora");
  const first = parse("a.safetensors:0.8");
  expect(first).toEqual([{ file: "a.safetensors", weight: 0.8 }]);
  expect(parse("C:\\loras\\b.safetensors", first)).toEqual([
    ...first,
    { file: "C:\\loras\\b.safetensors", weight: 1 },
  ]);
  expect(parse("C:\\loras\\b.safetensors:-1")).toEqual([{ file: "C:\\loras\\b.safetensors", weight: -1 }]);
  for (const text of ["", " ", ":1", "a.safetensors:", "a.safetensors:half"]) {
    expect(() => parse(text)).toThrow(`--lora is "${text}"; expected FILE or FILE:WEIGHT`);
  }
});
