// The pipelines of Stable Diffusion that start from images, and those of Stable Diffusion XL, against the pictures that
// diffusers draws with the same folders and seed (tools/python/make_stable_diffusion_starts.py, make_stable_diffusion_variants.py).

import { isDeepStrictEqual as isEqual } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { backends } from "../support/backends.ts";
import { testFolder } from "../support/folder.ts";
import { readJsonFixture } from "../support/golden.ts";
import { drawnSchema, nearness, openDrawings, stageSchema } from "../support/stable_diffusion_rows.ts";

const folder = testFolder();

const rowSchema = v.object({ ...stageSchema.entries, ...drawnSchema.entries });
const { rows } = v.parse(
  v.object({ rows: v.array(rowSchema) }),
  await readJsonFixture("stable_diffusion/starts.json"),
);
const variants = v.parse(v.array(rowSchema), await readJsonFixture("stable_diffusion/variants.json"));
const told = [...rows, ...variants].map((row) => {
  const { prompt: _, ...given } = row.options;
  const kind = row.pipeline.replace(/StableDiffusion|Pipeline/g, "");
  return { ...row, name: `${row.folder} ${kind} ${row.scheduler}`, given };
});
/** One of each kind of call: schedulers are the same on every backend. */
const ofEachKind = told.filter(
  ({ folder, pipeline, given }, k) =>
    told.findIndex((other) =>
      isEqual([folder, pipeline, given], [other.folder, other.pipeline, other.given]),
    ) === k,
);

describe.each(backends)("on $name", ({ name, create }) => {
  let backend: Backend;
  const open = openDrawings(folder, () => ({ backend }));

  beforeAll(async () => {
    backend = await create();
  });
  afterAll(() => backend.close());

  test.each(name === "wasm" || name === "native" ? told : ofEachKind)("$name: $given", async (row) => {
    const drawing = await open(row);
    const images = await drawing(row, row).pixels();
    expect(images.shape).toEqual(row.shape);
    expect(nearness(images, row)).toBeGreaterThanOrEqual(0.999);
  });
});
