// What the machine reaches at best, measured in the same run as what is judged by it, and what the process takes.

import { type Backend, MemoryError } from "../engine/backend.ts";
import { WasmBackend } from "../engine/backends/cpu/wasm_backend.ts";

/** Null where a backend cannot tell, or where memory does not suffice to measure it. */
export interface Peaks {
  /** GFLOP/s of multiply-adds in registers. */
  readonly gflops: number | null;
  /** GB/s of memory, read and written. */
  readonly gbytesPerSecond: number | null;
}

export async function measurePeaks(backend: Backend): Promise<Peaks> {
  if (!(backend instanceof WasmBackend)) return { gflops: null, gbytesPerSecond: null };
  const gflops = (await backend.measurePeak()) / 1e9;
  try {
    return { gflops, gbytesPerSecond: (await backend.measureBandwidth()) / 1e9 };
  } catch (error) {
    if (error instanceof MemoryError) return { gflops, gbytesPerSecond: null };
    throw error;
  }
}

/** "SIMD reaches 206.2 GFLOP/s, memory 38.0 GB/s"; undefined where neither is known. */
export function describePeaks({ gflops, gbytesPerSecond }: Peaks): string | undefined {
  const parts = [
    ...(gflops === null ? [] : [`SIMD reaches ${gflops.toFixed(1)} GFLOP/s`]),
    ...(gbytesPerSecond === null ? [] : [`memory ${gbytesPerSecond.toFixed(1)} GB/s`]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

export interface MemoryUse {
  /** What the process has now. */
  readonly residentBytes: number;
  /** The most it ever had, which is what other programs are compared by. */
  readonly peakResidentBytes: number;
  /** What the backend has laid out for variables and programs, where it can tell. */
  readonly plannedBytes: number | null;
}

export function memoryUse(backend: Backend): MemoryUse {
  return {
    residentBytes: process.memoryUsage.rss(),
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    plannedBytes: backend instanceof WasmBackend ? backend.usedBytes : null,
  };
}

export function threadCount(backend: Backend): number | null {
  return backend instanceof WasmBackend ? backend.threads : null;
}
