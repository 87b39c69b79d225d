// The npm package "koffi", loaded by its file, and calls of functions by their address.

import { createRequire } from "node:module";

type Library = typeof import("koffi");

export const libraryOf = (file: string): Library => createRequire(file)(file);

let entry: ReturnType<Library["proto"]> | undefined;

/** Calls a function of six integers, of which those that are missing are 0. */
export function callAt(file: string, address: number, args: readonly number[]): number {
  const koffi = libraryOf(file);
  entry ??= koffi.proto("int64_t (int64_t, int64_t, int64_t, int64_t, int64_t, int64_t)");
  return Number(koffi.call(BigInt(address), entry, ...Array.from({ length: 6 }, (_, i) => args[i] ?? 0)));
}
