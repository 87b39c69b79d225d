// Runs a Lowered operation on one thread, for tests and benchmarks: every step is compiled into one module. Machine code
// of the same kernels, for each set of instructions that this machine has, must give the same bits.

import type { Lowered } from "../../src/engine/backends/cpu/kernels/kernel.ts";
import { KERNEL_SIGNATURE, KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import { encodeModule, hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";
import { type Slot, writesOf } from "../../src/engine/program/kernel_set.ts";
import { enableWideVectors } from "../../src/platform/node/wide_vectors.ts";
import { nativeSets } from "../support/native_machine.ts";
import { nativeProgram } from "./native_program.ts";

export interface Program {
  /** The buffers of inputs and outputs, inside the memory of the program. */
  readonly inputs: readonly (Float32Array | Int32Array)[];
  readonly outputs: readonly Float32Array[];
  run(): void;
  /** Runs one tile of one step. */
  runTile(step: number, tile: number): void;
  /** Throws when something was written between the buffers. */
  checkGuards(): void;
}

const GUARD = 16; // elements between buffers
const GUARD_BITS = 0x7fc0dead; // a NaN that no kernel makes

/** Lays out the buffers, with guards between them, and compiles the steps. */
export function compileLowered(
  lowered: Lowered,
  inputs: readonly (Float32Array | Int32Array)[],
  outputSizes: readonly number[],
  relaxed = hasRelaxedSimd(),
  wide = enableWideVectors(),
): Program {
  let cells = 256;
  const guards: number[] = [];
  const place = (size: number): number => {
    guards.push(cells);
    const at = Math.ceil((cells + GUARD) / 16) * 16;
    cells = at + size;
    guards.push(cells);
    return at;
  };
  const scratchBytes = Math.max(0, ...lowered.steps.map(({ kernel }) => kernel.scratchBytes));
  const places = {
    input: inputs.map((input) => place(input.length)),
    temp: lowered.temps.map(place),
    output: outputSizes.map(place),
  };
  const scratch = place(Math.ceil(scratchBytes / 4));
  const tables = lowered.steps.map(({ args }) => place(2 * args.length));
  const pages = Math.ceil(((cells + GUARD) * 4) / 65536) + 1;
  const limits = { initial: pages, maximum: pages, shared: true };
  const memory = new WebAssembly.Memory(limits);
  const floats = new Float32Array(memory.buffer);
  const words = new Int32Array(memory.buffer);

  floats.subarray(256).fill(Number.NaN); // whatever is read before it is written spoils the result
  for (const guard of guards) words.fill(GUARD_BITS, guard, guard + GUARD);
  const addressOf = (slot: Slot): number => {
    const at =
      "input" in slot
        ? places.input[slot.input]
        : "temp" in slot
          ? places.temp[slot.temp]
          : places.output[slot.output];
    if (at === undefined) throw new Error(`no buffer for ${JSON.stringify(slot)}`);
    return 4 * at;
  };
  lowered.steps.forEach(({ args }, i) => {
    words.set(
      args.flatMap((slot) => [addressOf(slot), 0]),
      tables[i]!,
    );
  });
  const kernels = lowered.steps.map(({ kernel }) => {
    const k = new KernelBuilder(kernel.family, KERNEL_SIGNATURE, { count: 16, vectors: wide ? 2 : 1 });
    kernel.emit(k);
    return k;
  });
  const exports = Object.fromEntries(kernels.map((k, i) => [`step${i}`, k]));
  const module = new WebAssembly.Module(encodeModule({ memory: limits, exports, relaxed }));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  const views = inputs.map((input, i) => {
    const view = (input instanceof Float32Array ? floats : words).subarray(
      places.input[i],
      places.input[i]! + input.length,
    );
    view.set(input);
    return view;
  });
  const functions = lowered.steps.map((_, step) => {
    const f = instance.exports[`step${step}`];
    if (typeof f !== "function") throw new Error(`no step ${step}`);
    return f;
  });
  const writes = writesOf(lowered);
  const cellsOf = (slot: Slot): Int32Array => {
    const at = addressOf(slot) / 4;
    const size =
      "input" in slot
        ? inputs[slot.input]!.length
        : "temp" in slot
          ? lowered.temps[slot.temp]!
          : outputSizes[slot.output]!;
    return words.subarray(at, at + size);
  };
  const runTile = (step: number, tile: number): void => {
    functions[step]!(4 * tables[step]!, tile, 4 * scratch);
  };
  // Without fused multiply-adds WebAssembly rounds twice where machine code rounds once.
  const natives = relaxed
    ? nativeSets.map((set) =>
        nativeProgram(
          lowered,
          set,
          lowered.steps.map(({ args }, i) => ({
            at: tables[i]!,
            buffers: args.map((slot) => addressOf(slot) / 4),
          })),
          scratch,
        ),
      )
    : [];
  const isAddress = (at: number): boolean =>
    (at >= scratch && at < scratch + Math.ceil(scratchBytes / 4)) ||
    tables.some((table, i) => at >= table && at < table + 2 * lowered.steps[i]!.args.length);
  const isNaNBits = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000;
  return {
    inputs: views,
    outputs: outputSizes.map((size, i) => floats.subarray(places.output[i], places.output[i]! + size)),
    runTile,
    run: () => {
      const before = words.slice();
      runSteps();
      for (const program of natives) {
        const got = program.run(before);
        for (let i = 256; i < got.length; i++)
          if (got[i] !== words[i] && !(isNaNBits(got[i]!) && isNaNBits(words[i]!)) && !isAddress(i))
            throw new Error(
              `${program.name} differs from WebAssembly at element ${i}: ${got[i]} instead of ${words[i]}`,
            );
      }
    },
    checkGuards: () => {
      for (const guard of guards)
        for (let i = guard; i < Math.min(guard + GUARD, words.length); i++)
          if (words[i] !== GUARD_BITS && !isInside(i))
            throw new Error(`a kernel wrote outside its buffers, at element ${i}`);
    },
  };
  function runSteps(): void {
    lowered.steps.forEach(({ kernel, args }, step) => {
      const read = args.filter((_, i) => !writes[step]!.includes(i)).map(cellsOf);
      const before = read.map((cells) => cells.slice());
      // Any order must do: the last tile first.
      for (let tile = kernel.tiles - 1; tile >= 0; tile--) runTile(step, tile);
      read.forEach((cells, i) => {
        if (cells.some((cell, at) => cell !== before[i]![at]))
          throw new Error(`step ${step} (${kernel.family}) wrote an argument that it should only read`);
      });
    });
  }
  function isInside(i: number): boolean {
    const ranges: [number, number][] = [
      ...inputs.map(({ length }, j): [number, number] => [places.input[j]!, length]),
      ...lowered.temps.map((length, j): [number, number] => [places.temp[j]!, length]),
      ...outputSizes.map((length, j): [number, number] => [places.output[j]!, length]),
      ...tables.map((at, j): [number, number] => [at, 2 * lowered.steps[j]!.args.length]),
      [scratch, Math.ceil(scratchBytes / 4)],
    ];
    return ranges.some(([at, length]) => i >= at && i < at + length);
  }
}

/** Norm of the difference over the norm of what was wanted. */
export function relativeError(got: Float32Array, want: Float64Array): number {
  let difference = 0;
  let norm = 0;
  want.forEach((w, i) => {
    difference += (got[i]! - w) ** 2;
    norm += w ** 2;
  });
  return Math.sqrt(difference / (norm || 1));
}

/** Repeatable numbers between -1 and 1. */
export function noise(size: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >> 8) / 2 ** 23;
  });
}
