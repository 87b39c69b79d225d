// Models of Stable Diffusion XL that draw one picture together, against what diffusers draws with the same folders and
// seed (tools/python/make_stable_diffusion_handovers.py).

import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import type { HostTensor } from "../../src/engine/host_tensor.ts";
import { backends } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { readJsonFixture } from "../support/golden.ts";
import { drawnSchema, nearness, openDrawings, stageSchema } from "../support/stable_diffusion_rows.ts";

const folder = testFolder();

const rows = v.parse(
  v.array(v.object({ ...drawnSchema.entries, stages: v.array(stageSchema) })),
  await readJsonFixture("stable_diffusion/handovers.json"),
);
const told = rows.map((row) => ({
  ...row,
  name: row.stages
    .map(({ folder, pipeline, options: { denoising_start: start = "", denoising_end: end = "" } }) => {
      const kind = pipeline.replace(/StableDiffusion|Pipeline/g, "");
      return `${folder} ${kind} ${start}-${end}`;
    })
    .join(", "),
}));
describe.each(backends)("on $name", ({ name, create }) => {
  let backend: Backend;
  const open = openDrawings(folder, () => ({ backend }));

  beforeAll(async () => {
    backend = await create();
  });
  afterAll(() => backend.close());

  // What is handed over, and when, is the same on every backend.
  test.each(name === "wasm" || name === "native" ? told : told.slice(0, 1))(
    "$scheduler: $name",
    async (row) => {
      let latents: HostTensor | undefined;
      for (const stage of row.stages.slice(0, -1)) {
        latents = await (await open(stage))(stage, row, latents).latents();
      }
      const [last] = row.stages.slice(-1);
      const images = await (await open(last))(last, row, latents).pixels();
      expect(images.shape).toEqual(row.shape);
      expect(nearness(images, row)).toBeGreaterThanOrEqual(0.999);
    },
  );
});
