// What imago sample --seed-compat torch draws with, if no scheduler and no steps are given: what diffusers draws with.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { beforeAll, expect, test } from "vitest";
import { decodeImage } from "../../src/io/image/index.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { said, workFolder } from "./support.ts";

const work = workFolder();
const fixture = new URL("../fixtures/torch_seed_images.json", import.meta.url);
const rowSchema = v.object({ scheduler: v.string(), seed: v.number(), pixels: v.string() });
/** Training timesteps of the small pipelines: below DDPMPipeline's 1000 steps, above the others' 50. */
const TIMESTEPS = 60;

beforeAll(async () => {
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(work.path("long"));
  const scheduler = new DDPMScheduler({ numTrainTimesteps: TIMESTEPS });
  for (const name of ["DDPMPipeline", "DDIMPipeline", "PNDMPipeline", "ConsistencyModelPipeline"]) {
    await new DDPMPipeline(tinyUNet(), scheduler).savePretrained(work.path(name));
    const index = work.path(join(name, "model_index.json"));
    await writeFile(index, (await readFile(index, "utf8")).replace("DDPMPipeline", name));
  }
});

async function drawn(model: string, out: string, ...more: string[]) {
  const args = ["sample", work.path(model), "--count", "3", "--out", work.path(out), "--json", ...more];
  const { stdout } = await said(args);
  return { done: JSON.parse(stdout.trim().split("\n").at(-1) ?? ""), file: await readFile(work.path(out)) };
}

test("a DDPM pipeline is drawn by DDPM, to Python's pixels", async () => {
  const more = ["--seed-compat", "torch", "--seed", "1234", "--steps", "12", "--each", work.path("each")];
  const { done } = await drawn("long", "ddpm.png", ...more);
  expect(done).toMatchObject({ scheduler: "ddpm", steps: 12, seed_compat: "torch" });
  const rows = v.parse(v.array(rowSchema), JSON.parse(await readFile(fixture, "utf8")));
  const row = rows.find(({ scheduler, seed }) => scheduler === "DDPMScheduler" && seed === 1234);
  const expected = Buffer.from(row?.pixels ?? "", "base64");
  expect(expected).toHaveLength(3 * 8 * 8 * 3);
  for (const k of [0, 1, 2]) {
    const { data } = await decodeImage(await readFile(work.path(`each/000${k}.png`)));
    const there = expected.subarray(k * data.length, (k + 1) * data.length);
    expect(data.every((level, i) => Math.abs(level - there[i]) <= 1)).toBe(true);
  }
});

test.each([
  ["DDPMPipeline", "ddpm", TIMESTEPS],
  ["DDIMPipeline", "ddim", 50],
  ["PNDMPipeline", "pndm", 50],
  ["ConsistencyModelPipeline", "ddpm", 1],
] as const)("a %s: %s in %i steps, from the command and from TypeScript", async (name, scheduler, steps) => {
  const there = await drawn(name, `${name}.png`, "--seed-compat", "torch");
  expect(there.done).toMatchObject({ scheduler, steps });
  const chosen = ["--seed-compat", "torch", "--scheduler", scheduler, "--steps", `${steps}`];
  expect(there.file).toEqual((await drawn(name, `${name}-chosen.png`, ...chosen)).file);

  const pipeline = await DDPMPipeline.fromPretrained(work.path(name));
  const [unsaid, said] = [
    await pipeline.generate({ seedCompat: "torch", seed: 5 }),
    await pipeline.generate({ seedCompat: "torch", seed: 5, scheduler, steps }),
  ];
  expect(unsaid).toEqual(said);
  await pipeline.close();
});

test("what is given holds, and without --seed-compat all is as before", async () => {
  const ofDdim = await drawn("DDPMPipeline", "a.png", "--seed-compat", "torch", "--scheduler", "ddim");
  expect(ofDdim.done).toMatchObject({ scheduler: "ddim", steps: 50 });
  expect((await drawn("DDPMPipeline", "b.png")).done).toMatchObject({ scheduler: "ddim", steps: 50 });
});
