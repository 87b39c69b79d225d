// Groups the kernels of a profiled run: their share of the time, their speed, and its share of the machine's peak (the
// roofline of Williams, Waterman & Patterson 2009).

import type { KernelTiming } from "../../engine/backend.ts";
import type { Peaks } from "./machine.ts";

/** A kernel in several profiles of one program. */
export interface TimedKernel extends KernelTiming {
  /** Seconds in each profile; `seconds` is their median. */
  readonly runs: readonly number[];
}

/** The speed of some work. */
export interface Speed {
  readonly seconds: number;
  readonly fastestSeconds: number;
  readonly slowestSeconds: number;
  /** Null, like the others, where the time is unknown or too short for the clock. */
  readonly gflops: number | null;
  readonly gbytesPerSecond: number | null;
  /** The time of the work at the machine's peak, divided by its actual time; null where no peak is known. */
  readonly peakShare: number | null;
  /** What limits the work at the peak. */
  readonly bound: "SIMD" | "memory" | null;
}

/** Kernels with a common key. */
export interface KernelGroup extends Speed {
  readonly family: string;
  readonly label: string;
  readonly calls: number;
  /** Share of the time of all kernels. */
  readonly share: number;
}

/** Shorter times are close to the clock's resolution, so no speed is computed. */
const LEAST_SECONDS = 1e-6;

/** The speed of kernels that run one after another. */
export function speedOf(timings: readonly TimedKernel[], peaks: Peaks): Speed {
  const sum = (value: (timing: KernelTiming) => number) =>
    timings.reduce((total, timing) => total + value(timing), 0);
  const seconds = sum((timing) => timing.seconds);
  const inRuns = (timings[0]?.runs ?? []).map((_, run) =>
    timings.reduce((total, { runs }) => total + runs[run], 0),
  );
  const isMeasured = seconds > timings.length * LEAST_SECONDS;
  const rate = (count: number) => (isMeasured ? count / seconds / 1e9 : null);
  const atPeak = ({ flops, bytes }: KernelTiming) => ({
    simd: peaks.gflops === null ? 0 : flops / peaks.gflops / 1e9,
    memory: peaks.gbytesPerSecond === null ? 0 : bytes / peaks.gbytesPerSecond / 1e9,
  });
  // Each kernel is limited by the slower of the two.
  const ideal = { SIMD: 0, memory: 0 };
  for (const timing of timings) {
    const { simd, memory } = atPeak(timing);
    ideal[simd >= memory ? "SIMD" : "memory"] += Math.max(simd, memory);
  }
  const bestSeconds = ideal.SIMD + ideal.memory;
  return {
    seconds,
    fastestSeconds: Math.min(seconds, ...inRuns),
    slowestSeconds: Math.max(seconds, ...inRuns),
    gflops: rate(sum(({ flops }) => flops)),
    gbytesPerSecond: rate(sum(({ bytes }) => bytes)),
    peakShare: bestSeconds === 0 || !isMeasured ? null : bestSeconds / seconds,
    bound: bestSeconds === 0 ? null : ideal.SIMD >= ideal.memory ? "SIMD" : "memory",
  };
}

/** Groups kernels by key, the most expensive group first. */
export function groupKernels(
  timings: readonly TimedKernel[],
  key: (timing: TimedKernel) => string,
  peaks: Peaks,
): KernelGroup[] {
  const total = timings.reduce((sum, { seconds }) => sum + seconds, 0);
  const members = new Map<string, TimedKernel[]>();
  for (const timing of timings) {
    const group = members.get(key(timing));
    if (group === undefined) members.set(key(timing), [timing]);
    else group.push(timing);
  }
  const groups = [...members.values()].map((group) => {
    const speed = speedOf(group, peaks);
    const [{ family, label }] = group;
    return { family, label, calls: group.length, share: total === 0 ? 0 : speed.seconds / total, ...speed };
  });
  return groups.sort((a, b) => b.seconds - a.seconds);
}

/** Merges profiles of one program: the median time of each kernel. */
export function medianProfile(profiles: readonly (readonly KernelTiming[])[]): TimedKernel[] {
  const [first = []] = profiles;
  return first.map((timing, i) => {
    const runs = profiles.map((profile) => profile[i].seconds);
    return { ...timing, seconds: median(runs), runs };
  });
}

/** The highest speed of kernels with counted operations, in GFLOP/s; 0 where there are none. */
export function fastestGflops(timings: readonly TimedKernel[]): number {
  const none = { gflops: null, gbytesPerSecond: null };
  const counted = timings.filter(({ fewerFlops }) => !fewerFlops);
  return Math.max(0, ...counted.map((timing) => speedOf([timing], none).gflops ?? 0));
}

/** The middle value, the upper of two. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
