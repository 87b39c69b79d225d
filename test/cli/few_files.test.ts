// The command under a low limit on open files: each thread needs some.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BIN, finished, workFolder } from "./support.ts";

const work = workFolder();

const limited = (files: number, args: readonly string[]) =>
  finished(
    spawn("sh", ["-c", `ulimit -n ${files} && exec "$0" "$@"`, process.execPath, BIN, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );

describe.skipIf(process.platform === "win32")("few open files", () => {
  test("more threads than can be started are one line, and no run is begun", async () => {
    const [model, out] = [work.path("model.json"), work.path("run")];
    const args = ["train", "--steps", "1", "--model", model, "--out", out, "--threads", "20", "--json"];
    const { code, stderr } = await limited(60, args);
    expect(stderr).toMatch(
      /^imago: \d+ of 20 threads could be started: too many files are open; (give fewer \(--threads\) or )?raise the limit of open files \(ulimit -n\)\n$/,
    );
    expect(code).toBe(1);
    expect(existsSync(out)).toBe(false);
  });

  test("24 are too few for the command, in one line", async () => {
    const { code, stderr } = await limited(24, ["bench", "sample", "--batch-size", "1"]);
    expect(stderr).toMatch(/^imago: [^\n]*\n$/);
    expect(code).toBe(1);
  });
});
