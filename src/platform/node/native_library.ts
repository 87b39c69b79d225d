// The npm package "koffi", loaded by its file, and calls of functions by their address.

import { createRequire } from "node:module";

export type Library = typeof import("koffi");

export const libraryOf = (file: string): Library => createRequire(file)(file);

interface Caller {
  readonly library: Library;
  readonly entry: ReturnType<Library["proto"]>;
}
let caller: Caller | undefined;

function callerOf(file: string): Caller {
  const library = libraryOf(file);
  library.load(null); // in a thread that has loaded nothing, a call crashes
  return { library, entry: library.proto("int64_t (int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)") };
}

/** Calls a function of six integers, of which those that are missing are 0. */
export function callAt(file: string, address: number, args: readonly number[]): number {
  caller ??= callerOf(file);
  const six = Array.from({ length: 6 }, (_, i) => args[i] ?? 0);
  return Number(caller.library.call(BigInt(address), caller.entry, ...six));
}
