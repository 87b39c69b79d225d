// Forms of the instructions on vectors: each row of the tables with low and high registers, memory and constants.

import type { VectorForm, Width } from "../../src/engine/backends/cpu/native/x64/assembler.ts";
import type { Memory, Operand } from "../../src/engine/backends/cpu/native/x64/registers.ts";
import {
  EVEX_ONLY,
  VECTOR,
  type VectorOpcode,
} from "../../src/engine/backends/cpu/native/x64/vector_opcodes.ts";
import type { Form } from "./x64_forms.ts";
import { hex, INTEGER, pointer, repeated, vectorName } from "./x64_operands.ts";
import { EVEX_NAMES, EVEX_ONLY_ROWS, type Row, type Shape, VECTOR_ROWS } from "./x64_vector_shapes.ts";

export function vectorForms(encoding: "vex" | "evex"): Form[] {
  const rows = [...joined(VECTOR, VECTOR_ROWS), ...joined(EVEX_ONLY, EVEX_ONLY_ROWS)];
  const all = rows.flatMap(([op, row]) =>
    (row[encoding] ?? []).flatMap((width, i) =>
      row.shapes.flatMap((shape, j) => rowForms(op, shape, width, encoding === "evex", i === 0 && j === 0)),
    ),
  );
  // Where an instruction has fewer operands, choices of registers coincide.
  return [...new Map(all.map((form) => [form.text, form])).values()];
}

function joined(
  opcodes: Readonly<Record<string, VectorOpcode>>,
  rows: Readonly<Record<string, Row>>,
): [VectorOpcode, Row][] {
  return Object.entries(opcodes).map(([name, op]) => {
    if (!(name in rows)) throw new Error(`${name} has no forms (x64_vector_shapes.ts)`);
    return [op, rows[name]];
  });
}

/** The operands, and whether the one in memory is an element that is repeated. */
interface Choice {
  readonly a: number;
  readonly b: number;
  readonly c: Operand;
  readonly repeats?: boolean;
}

/** Which registers: low, high, and each field high alone. */
const registersOf = (evex: boolean, all: boolean): readonly (readonly [number, number, number])[] => [
  [1, 2, 3],
  [9, 10, 11],
  ...(evex ? ([[17, 26, 31]] as const) : []),
  ...(all
    ? ([
        [12, 2, 3],
        [1, 15, 3],
        [1, 2, 8],
      ] as const)
    : []),
  ...(all && evex
    ? ([
        [24, 2, 3],
        [1, 16, 3],
        [1, 2, 20],
        [22, 9, 4],
        [7, 30, 15],
      ] as const)
    : []),
];

/** Rows whose operand in memory is tried in every way: one of each size. */
const THOROUGH: ReadonlySet<VectorOpcode> = new Set([
  ...[VECTOR.vaddps, VECTOR.vmovupsStore, VECTOR.vmovss, VECTOR.vmovsd, VECTOR.vpmovzxwd],
  ...[VECTOR.vbroadcastf128, EVEX_ONLY.vbroadcastf32x4],
]);

function rowForms(op: VectorOpcode, shape: Shape, width: Width, evex: boolean, isFirst: boolean): Form[] {
  const { operands } = shape;
  const last = operands.split(" ").find((operand) => operand.startsWith("c")) ?? "";
  const [registers, memory] = last.split("/");
  const make = (choice: Choice): Form => formOf(op, shape, width, evex, choice);
  // Fields that are no vectors have fewer registers.
  const limit = { k: 8, d: 16, q: 16 }[registers.slice(1)] ?? 32;
  const register = (c: number): number => (c < limit ? c : c % limit);
  const forms =
    registers === "c-" ? [] : registersOf(evex, isFirst).map(([a, b, c]) => make({ a, b, c: register(c) }));
  if (memory === undefined) return forms;
  const unit = memory.startsWith("f") ? 16 * width : memory === "h" ? 8 * width : Number(memory);
  const high = evex ? { a: 19, b: 29 } : { a: 14, b: 9 };
  const places = THOROUGH.has(op) ? manyPlaces(unit) : fewPlaces(unit);
  places.forEach((c, i) => {
    forms.push(make({ ...(i % 2 === 0 ? { a: 1, b: 2 } : high), c }));
  });
  if (!isStore(operands)) forms.push(make({ ...high, c: pool(unit) }));
  if (memory.endsWith("*") && evex) {
    fewPlaces(4).forEach((c, i) => {
      forms.push(make({ ...(i % 2 === 0 ? { a: 1, b: 2 } : high), c, repeats: true }));
    });
    forms.push(make({ ...high, c: pool(4), repeats: true }));
  }
  return forms;
}

const isStore = (operands: string): boolean => operands.startsWith("c");

const pool = (bytes: number): Memory => ({
  kind: "pool",
  words: Array.from({ length: Math.max(1, bytes / 4) }, (_, i) => 0x3f800000 + i),
});
const address = (base: number, disp = 0, index?: number, scale?: 1 | 2 | 4 | 8): Memory => ({
  kind: "address",
  ...{ base, index, scale, disp },
});
/** Displacements of one byte and of four, where EVEX counts units. */
const fewPlaces = (unit: number): Memory[] => [address(13, -128 * unit), address(9, 128 * unit, 10, 4)];
/** rsp and r12 need a byte more, rbp and r13 a displacement. */
const SPECIAL_BASES = [0, 4, 5, 12, 13, 15];
const manyPlaces = (unit: number): Memory[] => [
  ...Array.from({ length: 16 }, (_, base) => address(base, 0)),
  ...SPECIAL_BASES.flatMap((base) => [127, -128, 128, -129].map((count) => address(base, count * unit))),
  ...([1, 2, 4, 8] as const).flatMap((scale) => [
    address(5, 0, 1, scale),
    address(3, 3 * unit, 12, scale),
    address(12, -2 * unit, 13, scale),
    address(13, 1, 15, scale), // no multiple of most units
    address(8, unit / 2 + unit, 6, scale),
  ]),
];

/** One form: its text, and how the assembler is told of it. */
function formOf(op: VectorOpcode, shape: Shape, width: Width, evex: boolean, choice: Choice): Form {
  const { name, operands, reg } = shape;
  const { a, b, c, repeats = false } = choice;
  const mask = (a % 7) + 1;
  const blend = (a + 5) & 15;
  const count = (a * 77 + 1) & 0xff;
  const masked = operands.includes("{k}");
  const imm = operands.includes("#") ? count : operands.includes("!") ? blend << 4 : shape.imm;
  const text = operands.split(" ").map((operand) => {
    if (operand === "#") return hex(count);
    if (operand === "!") return vectorName(16 * width, blend);
    const [where, memory = ""] = operand.split("/");
    const value = { a, b, c }[where[0]] ?? 0;
    if (typeof value !== "number") return repeats ? repeated(value) : pointer(bytesOf(memory, width), value);
    const kind = where.slice(1);
    switch (kind) {
      case "k":
        return `k${where[0] === "a" ? mask : value}`;
      case "d":
        return INTEGER[32][value];
      case "q":
        return INTEGER[64][value];
      case "{k}":
        return `${vectorName(16 * width, value)}{k${mask}}`;
      default:
        return vectorName(kind === "x" ? 16 : kind === "h" ? Math.max(16, 8 * width) : 16 * width, value);
    }
  });
  const form: VectorForm = {
    ...(imm === undefined ? {} : { imm }),
    ...(masked ? { mask } : {}),
    broadcast: repeats,
  };
  const first = reg ?? (operands.startsWith("ak") ? mask : a);
  const hasSecond = operands.split(" ").some((operand) => operand.startsWith("b"));
  return {
    text: `${evex ? (EVEX_NAMES[name] ?? name) : name} ${text.join(",")}`,
    write: (assembler) => assembler.vector(op, width, first, hasSecond ? b : 0, c, form),
    words: typeof c !== "number" && c.kind === "pool" ? c.words : undefined,
  };
}

const bytesOf = (memory: string, width: Width): number =>
  memory.startsWith("f") ? 16 * width : memory === "h" ? 8 * width : Number(memory);
