// Holds the machine code of every form of arm64 instruction against GNU objdump and as: npm run check:arm64
//
// Where all agree, their bytes are written to test/fixtures/arm64_forms.json, which the tests hold the assembler to.
// Needs aarch64-linux-gnu-objdump and -as of GNU binutils; the texts are those of version 2.40.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesOf, type Form, forms, hex, hexOf } from "../test/engine/arm64_forms.ts";

const FIXTURE = fileURLToPath(new URL("../test/fixtures/arm64_forms.json", import.meta.url));
const BINUTILS = "aarch64-linux-gnu-";
/** Forms begin at multiples of this, so that constants are aligned. */
const UNIT = 64;

interface Case {
  readonly form: Form;
  readonly bytes: Uint8Array;
  readonly at: number;
}

const folder = mkdtempSync(join(tmpdir(), "arm64-forms-"));
try {
  const cases = placed();
  const problems = [...differences(cases), ...assembledOtherwise(cases)];
  for (const problem of problems) console.error(problem);
  console.log(`${cases.length} forms, ${problems.length} problems`);
  if (problems.length === 0) writeFileSync(FIXTURE, table(cases));
  else process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

function placed(): Case[] {
  let at = 0;
  return forms().map((form) => {
    const bytes = bytesOf(form);
    const start = at;
    at = Math.ceil((at + bytes.length) / UNIT) * UNIT;
    return { form, bytes, at: start };
  });
}

// --- What objdump reads

function differences(cases: readonly Case[]): string[] {
  const end = cases.at(-1)!;
  const image = new Uint8Array(end.at + end.bytes.length);
  for (const { bytes, at } of cases) image.set(bytes, at);
  const lines = disassembled(image);
  return cases.flatMap(({ form, bytes, at }) => {
    const count = form.text.split("; ").length;
    const got = Array.from({ length: count }, (_, i) => fromStart(lines.get(at + 4 * i) ?? "nothing", at));
    const problems = got.join("; ") === form.text ? [] : [`is ${got.join("; ")}`];
    const rest = bytes.subarray(4 * count);
    if (!isConstant(rest, form.words ?? [], 4 * count)) problems.push(`has ${hexOf(rest)} behind it`);
    return problems.map((problem) => `${form.text} ${problem}: ${hexOf(bytes)}`);
  });
}

/** Whether the bytes are the constant, aligned, and nothing else. */
function isConstant(rest: Uint8Array, words: readonly number[], at: number): boolean {
  const size = 4 * words.length;
  const gap = size === 0 ? 0 : (size - (at % size)) % size;
  const constant = new Uint8Array(Int32Array.from(words).buffer);
  return hexOf(rest) === "1f2003d5".repeat(gap / 4) + hexOf(constant);
}

function disassembled(image: Uint8Array): Map<number, string> {
  const file = join(folder, "image");
  writeFileSync(file, image);
  const options = ["-D", "-z", "-b", "binary", "-maarch64", file];
  const text = execFileSync(`${BINUTILS}objdump`, options, { encoding: "utf8", maxBuffer: 1 << 28 });
  return new Map(
    text.split("\n").flatMap((line): [number, string][] => {
      const [, at, instruction] = /^ *([0-9a-f]+):\t[0-9a-f]{8} \t(.*)$/.exec(line) ?? [];
      return at === undefined ? [] : [[Number.parseInt(at, 16), plain(instruction)]];
    }),
  );
}

/** With single spaces, and without comments. */
function plain(text: string): string {
  return text
    .replace(/\s*\/\/.*$/, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** With places by their distance from the start of the form instead of the image's. */
function fromStart(text: string, start: number): string {
  const place = /^((?:b|bl|b\.\w+|cbn?z \w+,|adr \w+,|ldr [sdq]\d+,) )0x([0-9a-f]+)$/;
  return text.replace(place, (_, name, to) => `${name}${hex(Number.parseInt(to, 16) - start)}`);
}

// --- What as makes of the texts

function assembledOtherwise(cases: readonly Case[]): string[] {
  const source = cases.flatMap(({ form }, i) => [
    `start${i}:`,
    ...form.text.split("; ").map((text) => text.replace(/ (0x[0-9a-f]+)$/, ` start${i} + $1`)),
    `.balign ${UNIT}`,
  ]);
  const [text, object, binary] = ["source.s", "object", "binary"].map((name) => join(folder, name));
  writeFileSync(text, [".text", ".balign 64", ...source, ""].join("\n"));
  execFileSync(`${BINUTILS}as`, [text, "-o", object]);
  execFileSync(`${BINUTILS}objcopy`, ["-O", "binary", "-j", ".text", object, binary]);
  const image = readFileSync(binary);
  return cases.flatMap(({ form, bytes, at }) => {
    const size = 4 * form.text.split("; ").length;
    const [own, others] = [bytes.subarray(0, size), image.subarray(at, at + size)].map(hexOf);
    return own === others ? [] : [`${form.text} is ${own}, as writes ${others}`];
  });
}

// --- The table

/** Bytes by text, in the order of the forms. */
function table(cases: readonly Case[]): string {
  if (new Set(cases.map(({ form }) => form.text)).size < cases.length)
    throw new Error("a form is there twice");
  const rows = cases.map(({ form, bytes }) => `  ${JSON.stringify(form.text)}: "${hexOf(bytes)}"`);
  return `{\n${rows.join(",\n")}\n}\n`;
}
