// What the machine reaches at best, measured in the same run as what is judged by it, and what the process takes.

import { type Backend, MemoryError } from "../../engine/backend.ts";
import { WasmBackend } from "../../engine/backends/cpu/wasm_backend.ts";
import type { Event } from "../output.ts";
import { counted } from "../wording.ts";

/** Null where a backend cannot tell, or where memory does not suffice to measure it. */
export interface Peaks {
  /** GFLOP/s of multiply-adds in registers. */
  readonly gflops: number | null;
  /** GB/s of memory, read and written. */
  readonly gbytesPerSecond: number | null;
}

/** Peaks with the runs that they are the best of. */
export interface MeasuredPeaks extends Peaks {
  readonly gflopsRuns: readonly number[];
  readonly gbytesPerSecondRuns: readonly number[];
}

export async function measurePeaks(backend: Backend): Promise<MeasuredPeaks> {
  if (!(backend instanceof WasmBackend)) return peaksOf([], []);
  const gflops = await backend.measurePeak();
  try {
    return peaksOf(gflops, await backend.measureBandwidth());
  } catch (error) {
    if (error instanceof MemoryError) return peaksOf(gflops, []);
    throw error;
  }
}

/** From runs in units a second. */
function peaksOf(flops: readonly number[], bytes: readonly number[]): MeasuredPeaks {
  const [gflopsRuns, gbytesPerSecondRuns] = [flops, bytes].map((runs) => runs.map((rate) => rate / 1e9));
  const best = (runs: readonly number[]) => (runs.length === 0 ? null : Math.max(...runs));
  return {
    gflops: best(gflopsRuns),
    gbytesPerSecond: best(gbytesPerSecondRuns),
    gflopsRuns,
    gbytesPerSecondRuns,
  };
}

/** What a kernel reached the machine can do, whatever the runs for it said on a machine with other work. */
export function raisedTo(gflops: number, peaks: MeasuredPeaks): MeasuredPeaks {
  return peaks.gflops === null || gflops <= peaks.gflops ? peaks : { ...peaks, gflops };
}

/**
 * "SIMD reaches 206.2 GFLOP/s (201.9 to 206.2 in 5 runs), memory 38.0 GB/s (31.2 to 38.0 in 9 runs)"; undefined where
 * neither is known.
 */
export function describePeaks(peaks: MeasuredPeaks): string | undefined {
  const { gflops, gbytesPerSecond, gflopsRuns, gbytesPerSecondRuns } = peaks;
  const raised = gflops !== null && gflops > Math.max(...gflopsRuns) ? "by a kernel here; " : "";
  const parts = [
    ...(gflops === null
      ? []
      : [`SIMD reaches ${gflops.toFixed(1)} GFLOP/s (${raised}${inRuns(gflopsRuns)})`]),
    ...(gbytesPerSecond === null
      ? []
      : [`memory ${gbytesPerSecond.toFixed(1)} GB/s (${inRuns(gbytesPerSecondRuns)})`]),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}

const inRuns = (rates: readonly number[]): string =>
  `${Math.min(...rates).toFixed(1)} to ${Math.max(...rates).toFixed(1)} in ${counted(rates.length, "run")}`;

/** Fields of an event of --json; a range is the slowest and the fastest run. */
export function peakFields(peaks: MeasuredPeaks): Event {
  const range = (runs: readonly number[]) =>
    runs.length === 0 ? null : [Math.min(...runs), Math.max(...runs)];
  return {
    peak_gflops: peaks.gflops,
    peak_gflops_range: range(peaks.gflopsRuns),
    peak_gbytes_per_second: peaks.gbytesPerSecond,
    peak_gbytes_per_second_range: range(peaks.gbytesPerSecondRuns),
  };
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
