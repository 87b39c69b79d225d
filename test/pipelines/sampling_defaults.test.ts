// The scheduler and steps that a pipeline draws with where none are chosen, in calls and in its folder.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { tinyUNet } from "./support.ts";

const folder = testFolder();
const backend = new ReferenceBackend();
const sampling = { scheduler: "euler-ancestral", steps: 3 } as const;
const scheduler = new DDPMScheduler();
const preferring = new DDPMPipeline(tinyUNet(), scheduler, { backend, sampling });
const plain = new DDPMPipeline(tinyUNet(), scheduler, { backend });

test("a call that chooses no scheduler draws as the pipeline prefers; one that does has its own steps", async () => {
  expect(await preferring.generate()).toEqual(await plain.generate(sampling));
  expect(await preferring.generate({ steps: 2 })).toEqual(await plain.generate({ ...sampling, steps: 2 }));
  const ddim = { scheduler: "ddim", eta: 0 } as const;
  expect(await preferring.generate(ddim)).toEqual(await plain.generate(ddim));
  const torch = { seedCompat: "torch", steps: 2 } as const;
  expect(await preferring.generate(torch)).toEqual(await plain.generate(torch));
  const options = { schedulerOptions: { timestepSpacing: "trailing" } };
  expect(await preferring.generate(options)).toEqual(await plain.generate({ ...sampling, ...options }));
});

test("it is kept in the folder, under a key that diffusers leaves out", async () => {
  const path = folder("preferring");
  const file = join(path, "model_index.json");
  await preferring.savePretrained(path);
  const index = JSON.parse(await readFile(file, "utf8"));
  expect(index).toMatchObject({ _class_name: "DDPMPipeline", _imago_sampling: sampling });
  const again = await DDPMPipeline.fromPretrained(path, { backend });
  expect(again.sampling).toEqual(sampling);
  expect(await again.generate()).toEqual(await again.generate(sampling));

  await plain.savePretrained(folder("plain"));
  expect(await readFile(join(folder("plain"), "model_index.json"), "utf8")).not.toContain("_imago_sampling");

  for (const [wrong, message] of [
    [
      { scheduler: "magic", steps: 3 },
      "model_index.json: its images are drawn by magic, which is not known here",
    ],
    [{ scheduler: "ddim", steps: 0 }, "model_index.json: _imago_sampling.steps"],
    [{ scheduler: "ddim" }, "model_index.json: _imago_sampling.steps"],
    ["ddim", "model_index.json: _imago_sampling"],
  ] as const) {
    await writeFile(file, JSON.stringify({ ...index, _imago_sampling: wrong }));
    await expect(DDPMPipeline.fromPretrained(path)).rejects.toThrow(message);
  }
});
