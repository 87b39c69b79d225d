import { expect, test } from "vitest";
import { fixture } from "../data/support.ts";
import { failure, imago, workFolder } from "./support.ts";

const work = workFolder();
const tiny = (out: string) => [
  ...["train", "--model", work.path("model.json"), "--out", work.path(out), "--batch-size", "4"],
  ...[
    "--data",
    fixture("hugging_face"),
    "--size",
    "8",
    "--steps",
    "2",
    "--warmup-steps",
    "0",
    "--lr-schedule",
    "constant",
  ],
  ...["--sample-steps", "2", "--sample-count", "2", "--eval-count", "4"],
];

test("quality numbers are told in words and as JSON, by their own names; a resumed run goes on with them", async () => {
  const { stdout, stderr } = await imago(...tiny("run"), "--eval-every", "2");
  expect(stdout + stderr).toMatch(/step 2: patch FD [\d.]+, patch KD -?[\d.]+ \(4 images, imago-patch-1\)\n/);
  const more = await imago("train", "--out", work.path("run"), "--resume", "--steps", "4", "--json");
  const events = more.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const numbers = { patch_fd: expect.any(Number), patch_kd: expect.any(Number) };
  expect(events.filter(({ event }) => event === "quality")).toEqual([
    { event: "quality", step: 4, features: "imago-patch-1", images: 4, ...numbers },
  ]);
  const [third, fourth] = events.filter(({ event }) => event === "step");
  expect(third).not.toHaveProperty("patch_fd");
  expect(fourth).toMatchObject({ step: 4, ...numbers });
});

test("--eval-count alone is refused", async () => {
  expect(await failure(tiny("alone"))).toEqual({
    code: 2,
    line: "--eval-count is of --eval-every; give both or neither",
  });
});
