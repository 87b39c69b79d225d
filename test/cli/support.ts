// Runs the imago command, within this process or as a shell would, with a UNet so small that a step takes milliseconds.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, vi } from "vitest";
import { describeError } from "../../src/cli/errors.ts";
import { runCommand } from "../../src/cli/program.ts";
import { testFolder } from "../support/folder.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";

export const BIN = fileURLToPath(new URL("../../bin/imago.js", import.meta.url));

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Result extends Said {
  readonly code: number | null;
}

/**
 * What `imago` says to its end and its exit code, run within this process, which is quicker. A process of its own
 * (`imagoProcess`) is for what only that can show: that it ends, and how it takes signals and streams that are lost.
 */
export async function imago(...args: string[]): Promise<Result> {
  let end = { code: 0, line: "" };
  const { stdout, stderr } = await listen(async () => {
    await runCommand(args).catch((error: unknown) => {
      end = describeError(error);
    });
  });
  return { code: end.code, stdout, stderr: end.line === "" ? stderr : `${stderr}imago: ${end.line}\n` };
}

/** Runs `imago` to its end as a shell would. */
export function imagoProcess(...args: string[]): Promise<Result> {
  return finished(start(args));
}

/** Runs a command that is expected to fail within this process, which is quicker. */
export async function failure(args: readonly string[]): Promise<{ code: number; line: string }> {
  try {
    await runCommand(args);
  } catch (error) {
    return describeError(error);
  }
  throw new Error(`imago ${args.join(" ")} did not fail`);
}

/** What a command that succeeds says, run within this process, which is quicker. */
export const said = (args: readonly string[]): Promise<Said> => listen(() => runCommand(args));

/** What this process says while it does some work. */
export async function listen(work: () => Promise<void>): Promise<Said> {
  const texts = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      texts[stream] += text;
      return true;
    }),
  );
  try {
    await work();
    return texts;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Starts `imago` and leaves it running. */
export function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Everything a process says, and its exit code (null when a signal ended it). */
export function finished(child: ChildProcess): Promise<Result> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** Waits until the process has reported a training step. */
export function untilStep(child: ChildProcess, step: number): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      said += chunk;
      if (said.includes(`"event":"step","step":${step},`)) resolve();
    });
    child.on("close", () => reject(new Error(`ended before step ${step}`)));
  });
}

/** The number of the process that trains in a run's folder: not of the one that started it. */
export async function trainerOf(run: string): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(run, ".lock"), "utf8"));
  return Number(pid);
}

/** A folder for the tests of a file; `model` in it is a UNet2DModel config. */
export function workFolder(): { path: (name: string) => string } {
  const path = testFolder();
  beforeAll(() => writeFile(path("model.json"), JSON.stringify(TINY_UNET)));
  return { path };
}

/** Path -> digest of everything in a folder; metrics as text, without the fields that are times. */
export async function contents(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    files.set(
      path.slice(folder.length + 1),
      entry.name === "metrics.jsonl"
        ? withoutTimes(`${bytes}`)
        : createHash("sha256").update(bytes).digest("hex"),
    );
  }
  return files;
}

function withoutTimes(metrics: string): string {
  return metrics.replaceAll(/"(images_per_second|seconds)":[\d.]+,?/g, "");
}
