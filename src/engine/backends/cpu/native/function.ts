// One function: selection of instructions, registers, bytes.

import type { RecordedFunction, Statement } from "../simd/statement.ts";
import { allocate, type RegisterFile } from "./allocate.ts";
import { Code, type Instruction, type Register } from "./code.ts";
import type { Context, ModuleContext } from "./context.ts";
import { type Branching, type Selector, statements } from "./statements.ts";

/** How a machine's functions are made. */
export interface Target<A extends Branching, C extends Context<A>> extends Selector<A, C> {
  readonly registers: RegisterFile;
  /** With what only this machine's selection needs. */
  readonly context: (f: RecordedFunction, common: Context<A>) => C;
  /** Reads parameter i; the frame's bytes are known when the code is written. */
  readonly readParameter: (c: C, i: number, to: Register, frame: () => number) => void;
  /** Begins a function whose frame has so many bytes with the link to its caller; 0 where it needs none. */
  readonly open: (a: A, frame: number) => void;
  readonly close: (a: A, frame: number) => void;
  /** Moves between a machine register and the place of a value that lives in memory, from the stack pointer. */
  readonly transfer: (a: A, register: Register, place: number, disp: number, way: "load" | "store") => void;
}

/** Frames are multiples of this, so that spilled vectors do not straddle lines. */
const STACK_ALIGNMENT = 64;
/** The link to the caller. */
const LINK_BYTES = 8;

/** More than any kernel needs; what a door for the host makes room for depends on it. */
export const MOST_FRAME = 16384;

const aligned = (bytes: number): number => Math.ceil(bytes / STACK_ALIGNMENT) * STACK_ALIGNMENT;

/** Appends the function's code. */
export function encodeFunction<A extends Branching, C extends Context<A>>(
  target: Target<A, C>,
  a: A,
  f: RecordedFunction,
  module: ModuleContext,
): void {
  let frame = 0;
  const code = new Code<A>();
  const common: Context<A> = {
    ...module,
    code,
    variables: new Map(),
    exit: (at) => target.close(at, frame),
  };
  const c = target.context(f, common);
  f.parameters.forEach((parameter, i) => {
    target.readParameter(c, i, target.introduce(c, parameter), () => frame);
  });
  statements<A, C>(target, c, f.body, 1);
  if (f.result === undefined && f.body.at(-1)?.kind !== "return") target.leave(c, undefined);
  const frameBytes = allocate(code, target.registers);
  // Arguments of calls lie below what lives in memory.
  const below = aligned(8 * mostArguments(f.body));
  if (below + frameBytes > 0 || code.calls.length > 0) frame = aligned(below + frameBytes + LINK_BYTES);
  if (frame > MOST_FRAME) throw new Error(`function ${f.name} needs ${frame} bytes of the stack`);
  target.open(a, frame);
  for (const instruction of code.instructions) emit(target, a, instruction, below);
}

/** Writes an instruction; what lives in memory passes through spare registers. */
function emit<A extends Branching, C extends Context<A>>(
  { registers: file, transfer }: Target<A, C>,
  a: A,
  { reads, writes, emit: write }: Instruction<A>,
  below: number,
): void {
  const inMemory = [...reads, ...writes].some(({ place }) => place === -1);
  if (!inMemory) {
    write(a, ({ place }) => place);
    return;
  }
  const spares = { int: [...file.int.spares], vector: [...file.vector.spares] };
  const lent = new Map<Register, number>();
  for (const register of reads) {
    if (register.place !== -1 || lent.has(register)) continue;
    const spare = spares[register.bank].shift();
    if (spare === undefined)
      throw new Error("an instruction reads more values than there are spare registers");
    lent.set(register, spare);
    transfer(a, register, spare, below + register.slot, "load");
  }
  for (const register of writes)
    if (register.place === -1 && !lent.has(register)) lent.set(register, file[register.bank].spares[0]);
  write(a, (register) => (register.place === -1 ? (lent.get(register) ?? 0) : register.place));
  for (const register of writes)
    if (register.place === -1) transfer(a, register, lent.get(register) ?? 0, below + register.slot, "store");
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
