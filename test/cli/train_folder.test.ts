// The run's folder after problems with the folder, a file in it or the disk.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { BIN, contents, finished, imago, start, untilStep, workFolder } from "./support.ts";

const work = workFolder();
const tiny = (out: string, ...more: string[]) => [
  ...["train", "--model", work.path("model.json"), "--out", work.path(out), "--batch-size", "4"],
  ...["--steps", "10", "--sample-every", "5", "--checkpoint-every", "4", "--sample-steps", "2"],
  ...["--sample-count", "1", "--lr-schedule", "constant", "--warmup-steps", "0", "--json", ...more],
];
/** Goes on for longer than any test, and writes all the time. */
const endless = (out: string) => tiny(out, "--steps", "1000000", "--seed", "1");
const records = async (out: string) =>
  (await readFile(work.path(`${out}/metrics.jsonl`), "utf8")).trim().split("\n");

test("a folder that was moved, and its place taken by another training: each ends with its own, whole", async () => {
  const first = start(endless("place"));
  const ended = finished(first);
  await untilStep(first, 12);
  await rename(work.path("place"), work.path("moved"));
  const second = await imago(...tiny("place"));
  expect(second).toMatchObject({ code: 0, stderr: "" });
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^imago: \S+place was (removed or moved|taken over by another training|removed or replaced, or its .lock was,) while this training wrote into it, which has stopped and left it as it is; .*\n$/,
  );

  expect((await imago(...tiny("alone"))).code).toBe(0);
  expect(await contents(work.path("place"))).toEqual(await contents(work.path("alone")));
  // Both go on; the moved one has lost nothing but the steps after its last checkpoint.
  const last = Number((await readdir(work.path("moved/checkpoints"))).sort().at(-1)?.slice("step-".length));
  const resume = (out: string, steps: number) =>
    imago("train", "--out", work.path(out), "--resume", "--steps", `${steps}`, "--json");
  for (const result of await Promise.all([resume("place", 12), resume("moved", last + 1)])) {
    expect(result).toMatchObject({ code: 0, stderr: "" });
  }
  expect(await records("place")).toHaveLength(12);
  expect(await records("moved")).toHaveLength(last + 1);
});

test("only a run is resumed", async () => {
  await mkdir(work.path("pictures"));
  for (const name of ["pictures", "none"]) {
    const { code, stderr } = await imago(...tiny(name, "--resume"));
    expect([code, stderr]).toEqual([
      2,
      `imago: there is no run ${work.path(name)} to resume; give its folder with --out, or leave out --resume\n`,
    ]);
  }
});

test("a folder that was removed is not made again", async () => {
  const child = start(endless("gone"));
  const ended = finished(child);
  await untilStep(child, 12);
  await rm(work.path("gone"), { recursive: true, maxRetries: 20, retryDelay: 20 });
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^imago: \S+gone was removed.* while this training wrote into it, which has stopped/,
  );
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(existsSync(work.path("gone"))).toBe(false);
});

test("--sample-every 0 draws no grid, --checkpoint-every 0 saves at the end only; a broken line costs itself", async () => {
  const none = ["--sample-every", "0", "--checkpoint-every", "0"];
  const { code, stdout, stderr } = await imago(...tiny("bare", ...none));
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const done = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect(done).toEqual({ event: "done", code: 0, step: 10, pipeline: work.path("bare/pipeline") });
  expect((await readdir(work.path("bare"))).sort()).toEqual([
    "checkpoints",
    "config.json",
    "loss.png",
    "metrics.jsonl",
    "pipeline",
  ]);
  expect(await readdir(work.path("bare/checkpoints"))).toEqual(["step-000010"]);

  const lines = await records("bare");
  const broken = lines.with(4, "{{{ not json");
  await writeFile(work.path("bare/metrics.jsonl"), `${broken.join("\n")}\n`);
  const longer = ["--resume", "--steps", "11", "--sample-every", "8"];
  const again = await imago("train", "--out", work.path("bare"), ...longer);
  expect(again.code).toBe(0);
  expect(again.stderr).toBe(
    `imago: warning: ${work.path("bare/metrics.jsonl")}: line 5 is not the record of a step; moved to metrics.jsonl.broken, every other record is kept\n`,
  );
  const kept = await records("bare");
  expect(kept.slice(0, -1)).toEqual(lines.filter((_, i) => i !== 4));
  expect(JSON.parse(kept[9])).toMatchObject({ step: 11 });
  expect(await readFile(work.path("bare/metrics.jsonl.broken"), "utf8")).toBe("{{{ not json\n");
  expect(existsSync(work.path("bare/samples.png"))).toBe(true);
});

test.skipIf(process.platform === "win32")("a limit of the files' size leaves whole records", async () => {
  const longest = ["--steps", "1000000", "--sample-every", "0", "--checkpoint-every", "0"];
  // Without a shift, which makes config.json too large itself.
  const args = tiny("limited", ...longest, "--noise-shift", "1");
  // The limit is counted in 512 or 1024 bytes, as the shell has it.
  const child = spawn("sh", ["-c", 'ulimit -f 20; exec "$0" "$@"', process.execPath, BIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, stderr } = await finished(child);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^imago: \S+metrics.jsonl: cannot write the file: the file is larger than .*\(EFBIG\); then go on with: imago train --out \S+ --resume\n$/,
  );
  const text = await readFile(work.path("limited/metrics.jsonl"), "utf8");
  expect(text.endsWith("}\n")).toBe(true);
  const steps = (await records("limited")).map((line) => JSON.parse(line).step);
  expect(steps).toEqual(steps.map((_, i) => i + 1));
});
