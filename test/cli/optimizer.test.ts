// imago train --optimizer: recorded, kept by --resume, and taken anew by --init.

import { readFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { failure, said, workFolder } from "./support.ts";

const work = workFolder();
const SMALL = ["--batch-size", "2", "--steps", "2", "--sample-every", "0", "--backend", "reference"];
const train = (out: string, ...more: string[]) => ["train", "--out", work.path(out), ...more];
const recorded = async (out: string): Promise<string> =>
  JSON.parse(await readFile(work.path(`${out}/config.json`), "utf8")).training.optimizer;

beforeAll(async () => {
  await said(train("muon", "--model", work.path("model.json"), ...SMALL, "--optimizer", "muon"));
});

test("a run goes on with the optimizer that it was begun with, and with no other", async () => {
  expect(await recorded("muon")).toBe("muon");
  expect((await said(train("muon", "--resume"))).stdout).toMatch(/is finished: 2 steps/);
  const { code, line } = await failure(train("muon", "--resume", "--optimizer", "adamw"));
  expect(code).toBe(2);
  expect(line).toContain('was begun with optimizer "muon", now it is "adamw"');
});

test("a run from the weights of another has the optimizer of its preset, unless another is given", async () => {
  for (const [preset, optimizer] of [
    ["quick32", "adamw"],
    ["quick", "muon"],
  ]) {
    await said(train(preset, "--init", work.path("muon"), "--preset", preset, ...SMALL));
    expect(await recorded(preset)).toBe(optimizer);
  }
  await said(train("given", "--init", work.path("muon"), "--optimizer", "adamw", ...SMALL));
  expect(await recorded("given")).toBe("adamw");
});

test("an optimizer that there is not is refused", async () => {
  expect(await failure(train("never", "--optimizer", "sgd"))).toEqual({
    code: 2,
    line: '--optimizer is "sgd"; expected adamw or muon',
  });
});
