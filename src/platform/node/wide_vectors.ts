// Vectors of 256 bits. WebAssembly's are 128 bits wide, but V8 can join two operations on adjacent vectors into one AVX2
// instruction: its flag --experimental-wasm-revectorize. The kernels are written so that it finds such pairs everywhere
// (simd/pairs.ts); the joined instruction does lane by lane what the two did, so results are the same bits, sooner.
//
// The flag is V8's for the whole process and is switched on when a backend is made: code that V8 has compiled before
// stays as it is, and other WebAssembly modules with SIMD may be joined as well. IMAGO_WIDE_VECTORS=0 in the environment
// leaves it alone.

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

/** The first V8 whose joined code was tested with every kernel here (Node 26). */
const LEAST_V8 = 14;

/** Asks V8 to join pairs of vectors; whether it will, from now on. */
export function enableWideVectors(): boolean {
  if (!isSupported()) return false;
  setFlagsFromString("--experimental-wasm-revectorize");
  return true;
}

function isSupported(): boolean {
  const variables: Readonly<Record<string, unknown>> = { ...process.config.variables };
  const isBuiltIn = Number(variables.v8_enable_wasm_simd256_revec) === 1;
  const major = Number.parseInt(process.versions.v8, 10);
  const isWanted = process.env.IMAGO_WIDE_VECTORS !== "0";
  return isWanted && process.arch === "x64" && isBuiltIn && major >= LEAST_V8 && hasAvx2();
}

/** Where the system does not say, a 64-bit x86 processor is taken to have AVX2; V8 looks for itself before it uses it. */
function hasAvx2(): boolean {
  if (process.platform !== "linux") return true;
  try {
    return /^flags\s*:.*\bavx2\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return true;
  }
}
