// Holds the machine code of every form of instruction against GNU objdump: npm run check:x64
//
// Where all agree, their bytes are written to test/fixtures/x64_forms.json, which the tests hold the assembler to.
// Needs objdump and as of GNU binutils; the texts are those of version 2.40.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesOf, ENCODINGS, type Encoding, type Form, forms, hexOf } from "../test/engine/x64_forms.ts";
import { hex, POOL_AT } from "../test/engine/x64_operands.ts";

const FIXTURE = fileURLToPath(new URL("../test/fixtures/x64_forms.json", import.meta.url));
const NOP = 0x90;
/** No instruction is longer, so that what follows so many of one byte is read from its start. */
const GAP = 16;
/** The first byte of an instruction with each encoding of vectors. */
const FIRST_BYTES: Readonly<Record<Encoding, readonly string[] | undefined>> = {
  integer: undefined,
  vex: ["c4", "c5"],
  evex: ["62"],
};

interface Case {
  readonly encoding: Encoding;
  readonly form: Form;
  readonly bytes: Uint8Array;
  readonly at: number;
}
interface Line {
  readonly at: number;
  readonly bytes: readonly string[];
  readonly text: string;
}

const folder = mkdtempSync(join(tmpdir(), "x64-forms-"));
try {
  const cases = placed();
  const problems = [...differences(cases), ...longer(cases)];
  for (const problem of problems) console.error(problem);
  console.log(`${cases.length} forms, ${problems.length} problems`);
  if (problems.length === 0) writeFileSync(FIXTURE, table(cases));
  else process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

function placed(): Case[] {
  let at = 0;
  return ENCODINGS.flatMap((encoding) =>
    forms[encoding].map((form) => {
      const bytes = bytesOf(encoding, form);
      const start = at;
      at = Math.ceil((at + bytes.length + GAP) / 64) * 64;
      return { encoding, form, bytes, at: start };
    }),
  );
}

// --- What objdump reads

function differences(cases: readonly Case[]): string[] {
  const end = cases.at(-1)!;
  const image = new Uint8Array(end.at + end.bytes.length + GAP).fill(NOP);
  for (const { bytes, at } of cases) image.set(bytes, at);
  const lines = new Map(disassembled(image).map((line) => [line.at, line]));
  return cases.flatMap(({ encoding, form, bytes, at }) => {
    const problems: string[] = [];
    const wanted = form.text.split("; ");
    const got: string[] = [];
    let next = at;
    for (const _ of wanted) {
      const line = lines.get(next);
      if (line === undefined) break;
      got.push(fromStart(line.text, at));
      const starts = FIRST_BYTES[encoding];
      if (starts !== undefined && !starts.includes(line.bytes[0])) problems.push("is of another encoding");
      next += line.bytes.length;
    }
    if (got.join("; ") !== form.text) problems.push(`is ${got.join("; ")}`);
    const rest = bytes.subarray(next - at);
    if (form.words === undefined ? rest.length > 0 : !isConstant(rest, at + POOL_AT - next, form.words))
      problems.push(`has ${hexOf(rest)} behind it`);
    return problems.map((problem) => `${encoding} ${form.text} ${problem}: ${hexOf(bytes)}`);
  });
}

function isConstant(rest: Uint8Array, gap: number, words: readonly number[]): boolean {
  return hexOf(rest) === "90".repeat(gap) + hexOf(new Uint8Array(Int32Array.from(words).buffer));
}

function disassembled(image: Uint8Array): Line[] {
  const file = join(folder, "image");
  writeFileSync(file, image);
  const options = ["-D", "-z", "-b", "binary", "-mi386:x86-64", "-M", "intel", "--insn-width=16", file];
  const text = execFileSync("objdump", options, { encoding: "utf8", maxBuffer: 1 << 28 });
  return text.split("\n").flatMap((line) => {
    const [, at, bytes, instruction] = /^ *([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$/.exec(line) ?? [];
    if (at === undefined) return [];
    return [{ at: Number.parseInt(at, 16), bytes: bytes.trim().split(" "), text: plain(instruction) }];
  });
}

/** With single spaces, and without the mark of EVEX, which the first byte tells. */
function plain(text: string): string {
  const words = text.replace(/^\{evex\} /, "").replace(/\s+/g, " ");
  return words.trim();
}

/** With distances from the start of the form instead of the image's. */
function fromStart(text: string, start: number): string {
  const relative = (place: string) => hex(Number.parseInt(place, 16) - start);
  return text
    .replace(/\[rip[+-]0x[0-9a-f]+\](.*) # 0x([0-9a-f]+)$/, (_, rest, to) => `[${relative(to)}]${rest}`)
    .replace(/^(j\w+|call) 0x([0-9a-f]+)$/, (_, name, to) => `${name} ${relative(to)}`);
}

// --- Whether displacements are as short as GNU's assembler makes them

function longer(cases: readonly Case[]): string[] {
  const inMemory = cases.filter(({ form }) => /\[r/.test(form.text));
  const prefix = { integer: "", vex: "{vex}", evex: "{evex}" };
  const source = inMemory.map(
    ({ encoding, form }, i) => `.text
      from${i}: ${prefix[encoding]} ${form.text}
      to${i}: .section .lengths, "a"
      .byte to${i} - from${i}`,
  );
  const [text, object, lengths] = ["source.s", "object", "lengths"].map((name) => join(folder, name));
  writeFileSync(text, [".intel_syntax noprefix", ...source, ""].join("\n"));
  execFileSync("as", ["--64", text, "-o", object]);
  execFileSync("objcopy", ["-O", "binary", "-j", ".lengths", object, lengths]);
  const shortest = readFileSync(lengths);
  return inMemory.flatMap(({ encoding, form, bytes }, i) =>
    bytes.length === shortest[i]
      ? []
      : [`${encoding} ${form.text} has ${bytes.length} bytes where ${shortest[i]} suffice`],
  );
}

// --- The table

/** Bytes by text, in the order of the forms. */
function table(cases: readonly Case[]): string {
  const encodings = ENCODINGS.map((encoding) => {
    const own = cases.filter((each) => each.encoding === encoding);
    if (new Set(own.map(({ form }) => form.text)).size < own.length)
      throw new Error(`${encoding}: a form is there twice`);
    const rows = own.map(({ form, bytes }) => `    ${JSON.stringify(form.text)}: "${hexOf(bytes)}"`);
    return `  "${encoding}": {\n${rows.join(",\n")}\n  }`;
  });
  return `{\n${encodings.join(",\n")}\n}\n`;
}
