// Kernels that apply one operation in every way: to variables, to what is loaded and to constants; into a new variable,
// into one of its operands and straight to memory; on one vector, on two and on as many as a register holds.

import type { Lowered } from "../../src/engine/backends/cpu/kernels/kernel.ts";
import type { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import { type Expr, laneOperation, type Var } from "../../src/engine/backends/cpu/simd/expr.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { compileLowered } from "./cpu_kernel_harness.ts";
import { type Domain, valuesOf, WORDS } from "./native_values.ts";

/** Types as expr.ts abbreviates them. */
type Letter = "v" | "i" | "f" | "d";
const isLetter = (letter: string): letter is Letter => "vifd".includes(letter);

export interface Subject {
  /** Types of operands, then ">" and the type of the result. */
  readonly signature: string;
  readonly apply: (...args: Expr[]) => Expr;
  /** What each operand may be. */
  readonly domains: readonly Domain[];
  /** Every bit of the result counts, even where it looks like a NaN. */
  readonly isExact: boolean;
  /** It has a meaning for several vectors at once. */
  readonly isLanewise: boolean;
  /** Its integer must be a constant. */
  readonly needsConstant?: boolean;
}

/** An operand; `same` is the first one's variable. */
type Kind = "variable" | "load" | "splat" | "constant" | "mixed" | "compared" | "same";
/** `direct` stores the expression; `fresh` uses the operands again afterwards; a number is the operand to set. */
type Destination = "direct" | "fresh" | number;
/** Vectors at once; `outside` computes one vector that is then used by a block of many. */
type Mode = 1 | 2 | "width" | "outside";
interface Case {
  readonly kinds: readonly Kind[];
  readonly to: Destination;
  readonly mode: Mode;
}

const KINDS: Readonly<Record<Letter, readonly Kind[]>> = {
  v: ["variable", "load", "splat", "constant", "mixed"],
  i: ["variable", "load", "constant", "compared"],
  f: ["variable", "load", "constant"],
  d: ["variable", "load", "constant"],
};
const MODES: readonly Mode[] = [1, 2, "width", "outside"];

const lettersOf = (signature: string): Letter[] => [...signature].filter(isLetter);

/** Runs the operation in all ways, on WebAssembly and as machine code; throws where the bits differ. */
export function runEverywhere(subject: Subject): number {
  const cases = casesOf(subject);
  const types = lettersOf(subject.signature);
  const slots = 2 + subject.domains.length;
  const region = WORDS + 16;
  const inputs = subject.domains.map((domain, i) => valuesOf(domain, i));
  const kernel = kernelOf((k) => {
    cases.forEach((each, number) => {
      new CaseWriter(k, subject, types, inputs, each, number).write(4 * region * slots * number, 4 * region);
    });
  }, inputs.length);
  // A vector that is read for its first half only may reach beyond the values.
  const padded = inputs.map((words) => Int32Array.from({ length: WORDS + 4 }, (_, i) => words[i] ?? 0));
  const program = compileLowered(kernel, padded, [region * slots * cases.length]);
  program.run();
  program.checkGuards();
  return cases.length;
}

/** A kernel of one tile over buffers 0 .. n - 1 that writes buffer n. */
export const kernelOf = (emit: (k: KernelBuilder) => void, inputs: number): Lowered => ({
  temps: [],
  steps: [
    {
      kernel: { family: "test", key: "test", tiles: 1, scratchBytes: 0, flops: 0, bytes: 0, emit },
      args: [...Array.from({ length: inputs }, (_, input) => ({ input })), { output: 0 }],
    },
  ],
});

function casesOf({ signature, domains, isLanewise, needsConstant = false }: Subject): Case[] {
  const types = lettersOf(signature);
  const operands = types.slice(0, -1);
  const result = types[operands.length];
  const isVector = types.includes("v");
  const kindsOf = (letter: Letter): readonly Kind[] =>
    letter === "i" && needsConstant
      ? ["constant"]
      : KINDS[letter].filter((kind) => isVector || kind !== "compared");
  const combinations = operands.reduce<Kind[][]>(
    (all, letter) => all.flatMap((kinds) => kindsOf(letter).map((kind): Kind[] => [...kinds, kind])),
    [[]],
  );
  // Operands that are one variable, where their values are of one kind.
  const twins = operands.map((letter, i) => i > 0 && letter === operands[0] && domains[i] === domains[0]);
  for (let chosen = 1; chosen < 1 << operands.length; chosen++)
    if (twins.every((isTwin, i) => isTwin || ((chosen >> i) & 1) === 0))
      combinations.push(operands.map((_, i): Kind => ((chosen >> i) & 1 ? "same" : "variable")));
  return combinations.flatMap((kinds) => {
    const own = kinds.flatMap((kind, i) => (kind === "variable" && operands[i] === result ? [i] : []));
    const destinations: Destination[] = ["direct", "fresh", ...own];
    const isUniform = !kinds.includes("mixed");
    const modes = MODES.filter(
      (mode) =>
        mode === 1 ||
        (mode === "outside"
          ? result === "v" && !kinds.includes("compared")
          : isVector && isLanewise && isUniform),
    );
    return modes.flatMap((mode) => destinations.map((to): Case => ({ kinds, to, mode })));
  });
}

/** Records one case. */
class CaseWriter {
  readonly #k: KernelBuilder;
  readonly #subject: Subject;
  readonly #types: readonly Letter[];
  readonly #inputs: readonly Int32Array[];
  readonly #case: Case;
  /** Chooses the elements that are the same in all vectors. */
  readonly #number: number;

  constructor(
    k: KernelBuilder,
    subject: Subject,
    types: readonly Letter[],
    inputs: readonly Int32Array[],
    each: Case,
    number: number,
  ) {
    this.#k = k;
    this.#subject = subject;
    this.#types = types;
    this.#inputs = inputs;
    this.#case = each;
    this.#number = number;
  }

  /** Results go behind `offset` of the output, each value that is kept to a region of its own. */
  write(offset: number, region: number): void {
    const k = this.#k;
    const out = k.buffer(this.#inputs.length);
    const { mode } = this.#case;
    if (mode === "outside") {
      const values = this.#values(undefined);
      k.loop(
        128,
        (at) =>
          k.vectors(k.width, () => {
            values.forEach((value, slot) => {
              if (value.type === "v128") k.storeV(s.iadd(out, at), value, offset + slot * region);
            });
          }),
        { step: 16 * k.width },
      );
      return;
    }
    const isVector = this.#types.includes("v");
    const count = mode === "width" ? k.width : mode;
    const bytes = isVector ? 16 * count : this.#types.includes("d") ? 8 : 4;
    k.loop(
      4 * WORDS,
      (at) =>
        k.vectors(count, () => {
          this.#values(at).forEach((value, slot) => {
            // Scalars are stored once in a block, whose places depend on the width.
            if (mode !== "width" || value.type === "v128")
              store(k, s.iadd(out, at), value, offset + slot * region);
          });
        }),
      { step: bytes },
    );
  }

  /** The result, in parts where every bit counts, and the operands that live on. */
  #values(at: Expr | undefined): Expr[] {
    const k = this.#k;
    const { apply, isExact } = this.#subject;
    const { kinds, to, mode } = this.#case;
    const operands: Expr[] = [];
    kinds.forEach((kind, i) => {
      operands.push(kind === "same" ? operands[0] : this.#operand(kind, this.#types[i], i, at));
    });
    const value = apply(...operands);
    if (to === "direct" && !isExact && mode !== "outside") return [value];
    const into = typeof to === "number" ? operands[to] : undefined;
    let result: Expr;
    if (into?.kind === "var") {
      k.set(into, value);
      result = into;
    } else result = k.let(value);
    const lives = to === "direct" ? [] : operands.filter((e): e is Var => e.kind === "var" && e !== into);
    return [...(isExact ? halves(result) : [result]), ...lives];
  }

  #operand(kind: Kind, letter: Letter, i: number, at: Expr | undefined): Expr {
    const k = this.#k;
    const element = 4 * ((this.#number * 5 + i * 11) % (WORDS / 4));
    // Scalars of vectors are the same in all of them.
    const isFixed = at === undefined || (letter !== "v" && this.#types.includes("v"));
    const address = isFixed ? k.buffer(i) : s.iadd(k.buffer(i), at);
    const offset = isFixed ? 4 * element : 0;
    const words = this.#inputs[i];
    const named = (e: Expr): Expr => (kind === "variable" ? k.let(e) : e);
    if (kind === "compared") return s.ilt(at ?? k.tile, s.i32(256));
    if (kind === "splat") return s.loadSplat(k.buffer(i), 4 * element);
    if (kind === "mixed") return s.iconst4([...words.subarray(element, element + 4)]);
    const isConstant = kind === "constant";
    switch (letter) {
      case "v":
        return isConstant ? s.iconst4(words[element]) : named(s.loadV(address, offset));
      case "i":
        return isConstant ? s.i32(words[element]) : named(s.loadI32(address, offset));
      case "f":
        return isConstant
          ? s.f32(new Float32Array(words.buffer)[element])
          : named(s.loadF32(address, offset));
      case "d":
        return isConstant
          ? s.f64(new Float64Array(words.buffer)[element / 2])
          : named(laneOperation("f64x2.extract_lane", [s.loadV(address, offset)], [0]));
      default:
        return letter satisfies never;
    }
  }
}

/** In two parts that do not look like a NaN. */
function halves(value: Expr): Expr[] {
  if (value.type === "v128") return [s.vand(value, s.iconst4(0xffff)), s.xshrU(value, 16)];
  return value.type === "i32" ? [s.iand(value, s.i32(0xffff)), s.ishrU(value, s.i32(16))] : [value];
}

function store(k: KernelBuilder, address: Expr, value: Expr, offset: number): void {
  if (value.type === "v128") k.storeV(address, value, offset);
  else if (value.type === "i32") k.storeI32(address, value, offset);
  else if (value.type === "f32") k.storeF32(address, value, offset);
  else k.storeF64(address, value, offset);
}
