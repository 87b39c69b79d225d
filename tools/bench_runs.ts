// Runs `imago bench` in a separate process, for the tools that compare runs, and formats its numbers.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bytes } from "../src/cli/wording.ts";
import { isPresetName, PRESET_NAMES, type PresetName } from "../src/training/presets.ts";

/** One line of JSON that a benchmark printed. */
export type Line = Readonly<Record<string, unknown>>;

/** Training steps, or forward passes of the UNet. */
type Work = "train" | "forward";

export interface Case {
  readonly preset: PresetName;
  readonly work: Work;
  readonly batchSize: number;
}

/** Parses PRESET:WORK:BATCH. @throws Error that says what was expected */
export function parseCase(text: string, presets: readonly PresetName[] = PRESET_NAMES): Case {
  const [preset = "", work = "", batch = "", ...more] = text.split(":");
  const isKnown = isPresetName(preset) && presets.includes(preset);
  if (!isKnown || (work !== "train" && work !== "forward") || more.length > 0) {
    throw new Error(
      `case "${text}"; expected PRESET:train|forward:BATCH with a preset of ${presets.join(", ")}, such as butterflies32:train:16`,
    );
  }
  return { preset, work, batchSize: count(`the batch of case "${text}"`, batch) };
}

/** A whole number of at least 1. @throws Error that says what was expected */
export function count(what: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`${what} is "${text}"; expected a whole number of at least 1`);
}

/** Seconds of each step of a benchmark, and the peak memory of its process; null if not known. */
export interface Run {
  readonly steps: readonly number[];
  readonly peakBytes: number | null;
  /** The whole line. */
  readonly line: Line;
}

export const toolPath = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Runs a command; returns the JSON objects among its output lines. */
export async function jsonLines(command: string, args: readonly string[]): Promise<Line[]> {
  const { stdout } = await promisify(execFile)(command, args, { maxBuffer: 2 ** 24 });
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Line => JSON.parse(line));
}

/** Runs `imago bench` with this many timed steps. */
export async function imagoRun(
  { preset, work, batchSize }: Case,
  threads: number,
  steps: number,
): Promise<Run> {
  const what = work === "train" ? "train" : "sample";
  const model = ["--preset", preset, "--batch-size", String(batchSize)];
  const how = ["--threads", String(threads), "--repeat", String(steps), "--json"];
  const lines = await jsonLines(process.execPath, [
    toolPath("../bin/imago.js"),
    "bench",
    what,
    ...model,
    ...how,
  ]);
  const line = lines.find(({ event }) => event === "bench");
  if (line === undefined) throw new Error(`imago bench ${what} printed no result`);
  return runOf(line);
}

/** @throws Error when the line is not that of a benchmark */
export function runOf(line: Line): Run {
  const { step_seconds: steps, peak_resident_bytes: peakBytes } = line;
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new Error(`a benchmark gave no times: ${JSON.stringify(line)}`);
  }
  return { steps: steps.map(Number), peakBytes: typeof peakBytes === "number" ? peakBytes : null, line };
}

/** Median, fastest and slowest of some times. */
export interface Times {
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
}

export function timesOf(seconds: readonly number[]): Times {
  const sorted = seconds.toSorted((a, b) => a - b);
  return {
    median: sorted[Math.floor(sorted.length / 2)],
    fastest: sorted[0],
    slowest: sorted[sorted.length - 1],
  };
}

/** The steps of all runs together. */
export const timesOfRuns = (runs: readonly Run[]): Times => timesOf(runs.flatMap(({ steps }) => steps));

/** "18.61 (17.92 to 18.90)": images per second of the median, slowest and fastest step. */
export function speedText(batchSize: number, { median, fastest, slowest }: Times): string {
  const speed = (seconds: number) => (batchSize / seconds).toFixed(2);
  return `${speed(median)} (${speed(slowest)} to ${speed(fastest)})`;
}

/** The highest peak memory of all runs. */
export function peakText(runs: readonly Run[]): string {
  const known = runs.flatMap(({ peakBytes }) => (peakBytes === null ? [] : [peakBytes]));
  return known.length === 0 ? "-" : bytes(Math.max(...known));
}

/** One row of a Markdown table. */
export const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

export const header = (cells: readonly string[]): string => `${row(cells)}\n|${"---|".repeat(cells.length)}`;
