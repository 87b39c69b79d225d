// Kernels of a profiled run in groups: their share of the time, their speed, and how near that is to what the machine
// can do (the roofline of Williams, Waterman & Patterson 2009).

import type { KernelTiming } from "../engine/backend.ts";
import type { Peaks } from "./bench_machine.ts";

/** How fast some work was. */
export interface Speed {
  readonly seconds: number;
  readonly gflops: number;
  readonly gbytesPerSecond: number;
  /** The time that the work takes at the machine's peak over the time it took; null where no peak is known. */
  readonly peakShare: number | null;
  /** What the work waits for at the peak. */
  readonly bound: "SIMD" | "memory" | null;
}

/** Kernels that have something in common. */
export interface KernelGroup extends Speed {
  readonly family: string;
  readonly label: string;
  readonly calls: number;
  /** Of the time of all kernels. */
  readonly share: number;
}

/** The speed of kernels that run one after another. */
export function speedOf(timings: readonly KernelTiming[], peaks: Peaks): Speed {
  const sum = (value: (timing: KernelTiming) => number) =>
    timings.reduce((total, timing) => total + value(timing), 0);
  const seconds = sum((timing) => timing.seconds);
  const atPeak = ({ flops, bytes }: KernelTiming) => ({
    simd: peaks.gflops === null ? 0 : flops / peaks.gflops / 1e9,
    memory: peaks.gbytesPerSecond === null ? 0 : bytes / peaks.gbytesPerSecond / 1e9,
  });
  // Each kernel waits for the slower of the two.
  const ideal = { SIMD: 0, memory: 0 };
  for (const timing of timings) {
    const { simd, memory } = atPeak(timing);
    ideal[simd >= memory ? "SIMD" : "memory"] += Math.max(simd, memory);
  }
  const bestSeconds = ideal.SIMD + ideal.memory;
  return {
    seconds,
    gflops: rate(
      sum(({ flops }) => flops),
      seconds,
    ),
    gbytesPerSecond: rate(
      sum(({ bytes }) => bytes),
      seconds,
    ),
    peakShare: bestSeconds === 0 || seconds === 0 ? null : bestSeconds / seconds,
    bound: bestSeconds === 0 ? null : ideal.SIMD >= ideal.memory ? "SIMD" : "memory",
  };
}

/** In thousands of millions a second; nothing takes no time but what does nothing. */
const rate = (count: number, seconds: number): number => (seconds === 0 ? 0 : count / seconds / 1e9);

/** Kernels with equal keys together, the most expensive group first. */
export function groupKernels(
  timings: readonly KernelTiming[],
  key: (timing: KernelTiming) => string,
  peaks: Peaks,
): KernelGroup[] {
  const total = timings.reduce((sum, { seconds }) => sum + seconds, 0);
  const members = new Map<string, KernelTiming[]>();
  for (const timing of timings) {
    const group = members.get(key(timing));
    if (group === undefined) members.set(key(timing), [timing]);
    else group.push(timing);
  }
  const groups = [...members.values()].map((group) => {
    const speed = speedOf(group, peaks);
    const [{ family, label }] = group;
    return { family, label, calls: group.length, share: rate(speed.seconds, total) * 1e9, ...speed };
  });
  return groups.sort((a, b) => b.seconds - a.seconds);
}

/** Several profiles of one program as one: the median time of each kernel. */
export function medianProfile(profiles: readonly (readonly KernelTiming[])[]): KernelTiming[] {
  const [first = []] = profiles;
  return first.map((timing, i) => ({
    ...timing,
    seconds: median(profiles.map((profile) => profile[i].seconds)),
  }));
}

/** The middle value, the upper of two. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
