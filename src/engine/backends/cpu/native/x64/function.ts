// One function: selection of instructions, registers, bytes.

import type { RecordedFunction, Statement } from "../../simd/statement.ts";
import { allocate, type RegisterFile } from "../allocate.ts";
import { Code, type Instruction, type Register } from "../code.ts";
import type { Assembler } from "./assembler.ts";
import { leave, readParameter } from "./calls.ts";
import { type Context, introduce, type ModuleContext } from "./context.ts";
import { MODULE_STACK } from "./entry.ts";
import * as r from "./registers.ts";
import { statements } from "./statements.ts";
import { VECTOR } from "./vector_opcodes.ts";
import { lane, vectorInto } from "./vectors.ts";
import { vectorWidths } from "./widths.ts";

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** rax and rdx are for use within an instruction; rsp is the stack. */
const INTEGERS = {
  all: [...[r.RCX, r.RBX, r.RSI, r.RDI, r.RBP, r.R8, r.R9], ...[r.R10, r.R11, r.R12, r.R13, r.R14, r.R15]],
  spares: [r.R13, r.R14, r.R15],
};
const AVX2: RegisterFile = { int: INTEGERS, vector: { all: numbers(16), spares: [13, 14, 15] } };
const AVX512: RegisterFile = { int: INTEGERS, vector: { all: numbers(32), spares: [28, 29, 30, 31] } };

/** At each call of a function the stack pointer is a multiple of this, so that spilled vectors do not straddle lines. */
const STACK_ALIGNMENT = 64;
const RETURN_ADDRESS = 8;
/** Functions call each other three deep at most: the program, a kernel, a helper. */
const MOST_FRAME = MODULE_STACK / 4;

/** Appends the function's code. */
export function encodeFunction(a: Assembler, f: RecordedFunction, module: ModuleContext): void {
  let frame = 0;
  const context: Context = {
    ...module,
    code: new Code<Assembler>(),
    evex: a.evex,
    variables: new Map(),
    widths: vectorWidths(f.body),
    vectorInto: (e, form, to) => vectorInto(context, e, form, to),
    lane: (e, to) => lane(context, e, to),
    exit: (at) => {
      if (frame > 0) at.withConstant(0, r.RSP, frame);
      at.return();
    },
  };
  const { code } = context;
  f.parameters.forEach((parameter, i) => {
    readParameter(context, i, introduce(context, parameter), () => frame);
  });
  statements(context, f.body, 1);
  if (f.result === undefined && f.body.at(-1)?.kind !== "return") leave(context, undefined);
  const frameBytes = allocate(code, a.evex ? AVX512 : AVX2);
  // Arguments of calls lie below what lives in memory.
  const argumentBytes = 8 * mostArguments(f.body);
  const below = Math.ceil(argumentBytes / STACK_ALIGNMENT) * STACK_ALIGNMENT;
  const bytes = below + frameBytes;
  if (bytes > 0 || code.calls.length > 0)
    frame = Math.ceil((bytes + RETURN_ADDRESS) / STACK_ALIGNMENT) * STACK_ALIGNMENT - RETURN_ADDRESS;
  if (frame > MOST_FRAME) throw new Error(`function ${f.name} needs ${frame} bytes of the stack`);
  if (frame > 0) a.withConstant(5, r.RSP, frame);
  for (const instruction of code.instructions) emit(a, instruction, below);
}

/** Writes an instruction; what lives in memory passes through spare registers. */
function emit(a: Assembler, { reads, writes, emit: write }: Instruction<Assembler>, below: number): void {
  const inMemory = [...reads, ...writes].some(({ place }) => place === -1);
  if (!inMemory) {
    write(a, ({ place }) => place);
    return;
  }
  const file = a.evex ? AVX512 : AVX2;
  const spares = { int: [...file.int.spares], vector: [...file.vector.spares] };
  const lent = new Map<Register, number>();
  for (const register of reads) {
    if (register.place !== -1 || lent.has(register)) continue;
    const spare = spares[register.bank].shift();
    if (spare === undefined)
      throw new Error("an instruction reads more values than there are spare registers");
    lent.set(register, spare);
    transfer(a, register, spare, below, "load");
  }
  for (const register of writes)
    if (register.place === -1 && !lent.has(register)) lent.set(register, file[register.bank].spares[0]);
  write(a, (register) => (register.place === -1 ? (lent.get(register) ?? 0) : register.place));
  for (const register of writes)
    if (register.place === -1) transfer(a, register, lent.get(register) ?? 0, below, "store");
}

function transfer(
  a: Assembler,
  { bank, bytes, slot }: Register,
  place: number,
  below: number,
  way: "load" | "store",
): void {
  const at = { kind: "address", base: r.RSP, disp: below + slot } as const;
  if (bank === "int") {
    if (way === "load") a.load64(place, at);
    else a.store64(at, place);
    return;
  }
  const width = bytes === 64 ? 4 : bytes === 32 ? 2 : 1;
  a.vector(way === "load" ? VECTOR.vmovups : VECTOR.vmovupsStore, width, place, 0, at);
}

function mostArguments(block: readonly Statement[]): number {
  return block.reduce((most, each) => {
    switch (each.kind) {
      case "call":
      case "callIndirect":
        return Math.max(most, each.args.length);
      case "for":
      case "while":
      case "vectors":
        return Math.max(most, mostArguments(each.body));
      case "if":
        return Math.max(most, mostArguments(each.yes), mostArguments(each.no));
      default:
        return most;
    }
  }, 0);
}
