import { expect, test } from "vitest";
import { choice, decimal, fileName, integer, nonEmpty } from "../../src/cli/parsers.ts";
import { bar, bytes, duration, Progress } from "../../src/cli/progress.ts";

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

test("units", () => {
  expect([duration(7.6), duration(185), duration(7620), duration(-1)]).toEqual([
    "8 s",
    "3 min 05 s",
    "2 h 07 min",
    "0 s",
  ]);
  expect([bytes(12), bytes(7_400_000), bytes(1.23e9)]).toEqual(["12 B", "7.40 MB", "1.23 GB"]);
  expect([bar(0, 4), bar(0.5, 4), bar(2, 4)]).toEqual(["[░░░░]", "[██░░]", "[████]"]);
});

test("progress: one line redrawn in a terminal, plain lines now and then elsewhere", () => {
  let said = "";
  let now = 0;
  const stream = { columns: 20, write: (text: string) => (said += text) };
  const terminal = new Progress({ ...stream, isTTY: true }, { now: () => now });
  terminal.status("one");
  terminal.status("too soon");
  terminal.message("hello");
  now = 100;
  terminal.status("a line that is too long for it");
  terminal.activity("[saving]");
  terminal.end();
  expect(said).toBe("\r\x1b[Kone\r\x1b[Khello\none\r\x1b[Ka line that is too…\r\x1b[K[saving]  a line t…\n");

  said = "";
  now = 0;
  const pipe = new Progress(stream, { now: () => now, plainEvery: 1000 });
  pipe.status("one");
  now = 500;
  pipe.status("two");
  pipe.message("hello");
  pipe.activity("[saving]");
  now = 1500;
  pipe.status("three");
  pipe.end();
  expect(said).toBe("one\nhello\nthree\n");
});
