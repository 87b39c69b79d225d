// Measures the machine's peak speeds, in the same run as the work compared with them, and the process's memory.

import { type Backend, MemoryError } from "../../engine/backend.ts";
import { CpuBackend } from "../../engine/backends/cpu/cpu_backend.ts";
import type { Event } from "../output.ts";
import { counted } from "../wording.ts";

/** Peak speeds; null where a backend cannot measure them, or memory is too small. */
export interface Peaks {
  /** GFLOP/s of multiply-adds in registers. */
  readonly gflops: number | null;
  /** GB/s of memory, reads and writes. */
  readonly gbytesPerSecond: number | null;
}

/** Peaks, and the runs of which they are the maximum. */
export interface MeasuredPeaks extends Peaks {
  readonly gflopsRuns: readonly number[];
  readonly gbytesPerSecondRuns: readonly number[];
}

export async function measurePeaks(backend: Backend): Promise<MeasuredPeaks> {
  const gflops = (await backend.measurePeak?.()) ?? [];
  try {
    return peaksOf(gflops, (await backend.measureBandwidth?.()) ?? []);
  } catch (error) {
    if (error instanceof MemoryError) return peaksOf(gflops, []);
    throw error;
  }
}

/** From runs in units per second. */
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

/** Raises the peak to a kernel's speed: on a busy machine the peak's own runs can be slower. */
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

/** Fields for an event of --json; a range is the slowest and the fastest run. */
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
  /** Current memory of the process. */
  readonly residentBytes: number;
  /** Largest memory of the process so far, the usual number for comparing programs. */
  readonly peakResidentBytes: number;
  /** Memory that the backend allocated for variables and programs, if it reports it. */
  readonly plannedBytes: number | null;
}

export function memoryUse(backend: Backend): MemoryUse {
  return {
    residentBytes: process.memoryUsage.rss(),
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    plannedBytes: backend.usedBytes ?? null,
  };
}

export function threadCount(backend: Backend): number | null {
  return backend instanceof CpuBackend ? backend.threads : null;
}
