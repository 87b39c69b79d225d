import { describe, expect, test } from "vitest";
import { fastestGflops, groupKernels, medianProfile, speedOf } from "../../src/cli/bench/groups.ts";
import { describePeaks, raisedTo } from "../../src/cli/bench/machine.ts";
import { kernelName, speedCells } from "../../src/cli/bench/table.ts";
import type { KernelTiming } from "../../src/engine/backend.ts";
import { imago, imagoProcess } from "./support.ts";

describe("the command", () => {
  const once = ["--batch-size", "1", "--repeat", "1", "--threads", "1"];

  test("train reports speed, shares, start-up and memory", async () => {
    const { code, stdout, stderr } = await imagoProcess(
      ...["bench", "train", "--batch-size", "1", "--repeat", "2", "--threads", "2", "--top", "4", "--json"],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({
      event: "bench",
      what: "train",
      preset: "quick",
      batch_size: 1,
      threads: 2,
    });
    for (const key of [
      "images_per_second",
      "gflops",
      "peak_gflops",
      "peak_gbytes_per_second",
      "weights_seconds",
      "trace_seconds",
      "compile_seconds",
      "first_step_seconds",
      "arena_bytes",
      "planned_bytes",
      "resident_bytes",
    ]) {
      expect(result[key]).toBeGreaterThan(0);
    }
    expect(result.step_seconds).toHaveLength(2);
    expect(result.fastest_seconds).toBe(Math.min(...result.step_seconds));
    expect(result.slowest_seconds).toBe(Math.max(...result.step_seconds));
    expect(result.peak_resident_bytes).toBeGreaterThan(result.planned_bytes);
    for (const { family, calls, gflops, seconds, fastest_seconds, slowest_seconds } of result.families) {
      // No speed is told of less than a microsecond a call, and one of anything else. What is counted as it is done is never
      // above the peak, however busy the machine is.
      if (gflops === null) expect(seconds).toBeLessThanOrEqual(calls * 1e-6);
      else if (!family.startsWith("conv2d")) {
        expect(gflops).toBeLessThanOrEqual(result.peak_gflops * (1 + 1e-9));
      }
      expect(fastest_seconds).toBeLessThanOrEqual(seconds);
      expect(slowest_seconds).toBeGreaterThan(fastest_seconds);
    }
    for (const peak of ["peak_gflops", "peak_gbytes_per_second"]) {
      const [slowest, fastest] = result[`${peak}_range`];
      expect(slowest).toBeLessThanOrEqual(fastest);
      expect(result[peak]).toBeGreaterThanOrEqual(fastest);
    }
    const shares = result.families.map(({ share }: { share: number }) => share);
    expect(shares.reduce((a: number, b: number) => a + b)).toBeCloseTo(1, 6);
    expect(result.top_kernels).toHaveLength(4);
    const times = result.top_kernels.map(({ seconds }: { seconds: number }) => seconds);
    expect(times).toEqual(times.toSorted((a: number, b: number) => b - a));
  });

  test("sample prints two tables with straight columns", async () => {
    const { code, stdout } = await imago("bench", "sample", ...once, "--top", "3");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^start-up [\d.]+ s: weights [\d.]+, trace [\d.]+, compile [\d.]+, first step [\d.]+$/m,
    );
    const [, families, dearest] = stdout
      .trimEnd()
      .split("\n\n")
      .map((block) => block.split("\n"));
    expect(families[0]).toMatch(
      /^kernels +calls +share +ms +from fastest to slowest +GFLOP\/s +GB\/s +of peak +bound by$/,
    );
    expect(dearest[0]).toMatch(/^the most expensive 3 of \d+ +calls /);
    expect(dearest).toHaveLength(4);
    for (const rows of [families, dearest]) {
      for (const row of rows.slice(1)) expect(row).toMatch(/^\w+.* +\d+ .* (SIMD|memory|-)$/);
      expect(new Set(rows.map((row) => row.search(/(bound by|SIMD|memory|-)$/))).size).toBe(1);
    }
  });

  test("--top 0 leaves the kernels out", async () => {
    const { stdout } = await imago("bench", "sample", ...once, "--top", "0");
    expect(stdout).not.toContain("most expensive");
    expect(stdout.split("\n\n")).toHaveLength(3);
  });

  test("ops prints products of the UNet, attention, norms and AdamW", async () => {
    const { code, stdout } = await imago("bench", "ops", "--preset", "quick32", ...once, "--top", "2");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    const header = lines.findIndex((line) => line.startsWith("operations of quick32, batch 1"));
    const rows = lines.slice(
      header + 1,
      lines.findIndex((line) => line.includes("smaller products")),
    );
    const names = rows.map((row) => row.trim().split(/ {2,}/)[0]);
    expect(names).toEqual([
      ...["3x3 convolution", "3x3 convolution"].flatMap((name) => [
        expect.stringContaining(name),
        "gradient of input",
        "gradient of filter",
      ]),
      "attention [1, 8, 8, 96]",
      "forward and gradients",
      ...["[1, 32, 32, 32]", "[1, 16, 16, 64]", "[1, 8, 8, 96]"].flatMap((shape) => [
        `group norm, SiLU ${shape}`,
        "forward and gradients",
      ]),
      "AdamW [3, 3, 96, 96]",
    ]);
    expect(lines.at(-1)).toMatch(
      /^SIMD reaches [\d.]+ GFLOP\/s \((by a kernel here; )?[\d.]+ to [\d.]+ in \d+ runs\), memory [\d.]+ GB\/s \([\d.]+ to [\d.]+ in \d+ runs\)\. /,
    );
  });

  test("a backend without kernels reports its steps", async () => {
    const reference = ["--batch-size", "1", "--repeat", "1", "--backend", "reference"];
    const { code, stdout } = await imago("bench", "ops", ...reference, "--top", "0", "--json");
    expect(code).toBe(0);
    for (const line of stdout.trim().split("\n")) {
      expect(JSON.parse(line)).toMatchObject({
        event: "op",
        gflops: null,
        gbytes_per_second: null,
        peak_gflops: null,
        peak_gflops_range: null,
        peak_share: null,
        bound: null,
      });
      expect(JSON.parse(line).seconds).toBeGreaterThan(0);
    }
  });
});

describe("groups of kernels", () => {
  const kernel = (family: string, seconds: number, flops: number, bytes: number): KernelTiming => ({
    family,
    label: `${family}[1]`,
    seconds,
    flops: flops * 1e9,
    fewerFlops: false,
    bytes: bytes * 1e9,
  });
  const profiled = (...kernels: KernelTiming[]) => medianProfile([kernels]);
  const peaks = { gflops: 100, gbytesPerSecond: 10 };

  test("a kernel is judged by the slower of arithmetic and memory", () => {
    expect(speedOf(profiled(kernel("matmul", 2, 100, 1)), peaks)).toEqual({
      seconds: 2,
      fastestSeconds: 2,
      slowestSeconds: 2,
      gflops: 50,
      gbytesPerSecond: 0.5,
      peakShare: 0.5,
      bound: "SIMD",
    });
    expect(speedOf(profiled(kernel("pointwise", 2, 10, 5)), peaks)).toMatchObject({
      peakShare: 0.25,
      bound: "memory",
    });
  });

  test("each kernel of a group is judged by its own bound", () => {
    const mixed = profiled(kernel("a", 2, 100, 0), kernel("b", 3, 0, 20));
    expect(speedOf(mixed, peaks)).toMatchObject({ peakShare: 3 / 5, bound: "memory" });
  });

  test("unknown peaks and kernels that do nothing have no share of a peak", () => {
    const unknown = { gflops: null, gbytesPerSecond: null };
    expect(speedOf(profiled(kernel("a", 2, 100, 1)), unknown)).toMatchObject({
      peakShare: null,
      bound: null,
    });
    expect(speedOf(profiled(kernel("a", 2, 0, 0)), peaks)).toMatchObject({ gflops: 0, peakShare: null });
  });

  test.each([0, 5e-7, -1])("a time of %s s gives no speed", (seconds) => {
    const none = { gflops: null, gbytesPerSecond: null, peakShare: null };
    const speed = speedOf(profiled(kernel("a", seconds, 100, 1)), peaks);
    expect(speed).toMatchObject(none);
    expect(speedCells(speed).slice(2)).toEqual(["-", "-", "-", "SIMD"]);
  });

  test("the most expensive group comes first", () => {
    const groups = groupKernels(
      profiled(kernel("a", 1, 0, 1), kernel("b", 2, 0, 1), kernel("a", 5, 0, 1)),
      ({ family }) => family,
      peaks,
    );
    expect(groups.map(({ family, calls, seconds, share }) => [family, calls, seconds, share])).toEqual([
      ["a", 2, 6, 0.75],
      ["b", 1, 2, 0.25],
    ]);
  });

  test("several profiles become one of medians, with the fastest and the slowest", () => {
    const profiles = [3, 1, 2].map((seconds) => [
      kernel("a", seconds, 1, 1),
      kernel("b", 10 - 2 * seconds, 1, 1),
    ]);
    const timings = medianProfile(profiles);
    expect(timings.map(({ seconds }) => seconds)).toEqual([2, 6]);
    expect(speedOf(timings, peaks)).toMatchObject({ seconds: 8, fastestSeconds: 7, slowestSeconds: 9 });
    expect(speedCells(speedOf(timings, peaks))[1]).toBe("7000.0 to 9000.0");
    expect(speedCells(speedOf(profiled(kernel("a", 1, 1, 1)), peaks))[1]).toBe("-");
    expect(medianProfile([[], []])).toEqual([]);
  });

  test("a kernel above the peak that was measured raises it, unless its operations are not all done", () => {
    const measured = {
      gflops: 100,
      gbytesPerSecond: 10,
      gflopsRuns: [90, 100],
      gbytesPerSecondRuns: [10],
    };
    const winograd = { ...kernel("conv2d", 1, 400, 1), fewerFlops: true };
    const same = raisedTo(fastestGflops(profiled(winograd, kernel("a", 1, 80, 1))), measured);
    expect(describePeaks(same)).toBe(
      "SIMD reaches 100.0 GFLOP/s (90.0 to 100.0 in 2 runs), memory 10.0 GB/s (10.0 to 10.0 in 1 run)",
    );
    const timings = profiled(winograd, kernel("matmul", 1, 190, 1));
    const raised = raisedTo(fastestGflops(timings), measured);
    expect(describePeaks(raised)).toMatch(
      /^SIMD reaches 190\.0 GFLOP\/s \(by a kernel here; 90\.0 to 100\.0 in 2 runs\)/,
    );
    expect(speedOf(timings.slice(1), raised).peakShare).toBe(1);
  });
});

test.each([
  ["matmul", "matmul[8, 4]", "matmul [8, 4]"],
  ["conv2d_grad_filter", "conv2dGradFilter[3, 3, 8, 8]", "conv2d_grad_filter [3, 3, 8, 8]"],
  ["winograd_filters", "conv2d[2, 4, 4, 8]", "winograd_filters: conv2d [2, 4, 4, 8]"],
  ["pointwise", "add[4, 8] + add[4, 8] + sub[4, 8]", "pointwise: 2 add + sub [4, 8]"],
  ["reduce", "reduce[4, 1] + reduce[4, 1], parts", "2 reduce [4, 1], parts"],
  ["reduce", "reduce[4, 1] + reduce[8, 1]", "reduce: reduce[4, 1] + reduce[8, 1]"],
  ["pointwise", "update variable weight", "pointwise: update variable weight"],
])("%s %s is shown as %s", (family, label, name) => {
  expect(kernelName({ family, label })).toBe(name);
});
