// 256-bit vectors. WebAssembly's are 128 bits wide, but V8 can fuse two operations on adjacent vectors into one AVX2
// instruction, with its flag --experimental-wasm-revectorize. The kernels are written so that it finds such pairs
// everywhere (simd/pairs.ts). The fused instruction computes each lane as before, so results have the same bits.
//
// The flag affects the whole process and is set when a backend is created: code that V8 has compiled before stays as
// it is, and other WebAssembly modules with SIMD may be fused as well. IMAGO_WIDE_VECTORS=0 in the environment
// disables it.

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

/** The first V8 whose fused code was tested with every kernel here (Node 26). */
const LEAST_V8 = 14;

/** Tells V8 to fuse pairs of vectors; returns whether it will, from now on. */
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

/** If the system does not say, a 64-bit x86 processor is assumed to have AVX2; V8 checks again before using it. */
function hasAvx2(): boolean {
  if (process.platform !== "linux") return true;
  try {
    return /^flags\s*:.*\bavx2\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  } catch {
    return true;
  }
}
