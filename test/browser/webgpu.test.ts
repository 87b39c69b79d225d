// Training and drawing on a page's GPU: as on the processor, resumed to the same bytes, and told when the GPU is lost.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DDPMPipeline, Trainer } from "../../src/index.ts";
import { trainingOptions } from "../support/small_training.ts";
import { describeInBrowser, launch, SOFTWARE_GPU } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

type Page = typeof import("./pages/webgpu.ts");

const PATIENCE = 600_000;

describeInBrowser("a page's GPU", () => {
  let browser: Browser;
  let page: OpenPage<Page>;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imago-page-gpu-"));
    browser = await launch(SOFTWARE_GPU);
    page = await openPage<Page>(browser, "webgpu", { isolated: true });
  });
  afterAll(async () => {
    await page?.close();
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test(
    "learns and draws what the processor does",
    async () => {
      const out = join(folder, "node");
      const onProcessor: number[] = [];
      const options = {
        ...trainingOptions(out),
        backend: "wasm",
        steps: 4,
        checkpointEvery: 2,
        sampleEvery: 4,
      } as const;
      for await (const { loss } of new Trainer(options).run()) onProcessor.push(loss);

      const { losses, error } = await page.call.train("/runs/whole", {});
      expect(error).toBe("");
      expect(losses).toHaveLength(4);
      for (const [i, loss] of losses.entries())
        expect(Math.abs(loss / onProcessor[i] - 1)).toBeLessThan(1e-4);
      expect(JSON.parse(await page.call.text("/runs/whole/config.json"))).toMatchObject({
        backend: "webgpu",
      });

      const pipeline = await DDPMPipeline.fromPretrained(out, { backend: "wasm" });
      const images = await pipeline.generateImages({ count: 2, steps: 2, scheduler: "ddim", seed: 3 });
      await pipeline.close();
      const drawn = await page.call.draw("/runs/whole");
      for (const [i, { data }] of images.entries()) {
        const most = Math.max(...data.map((value, j) => Math.abs(value - drawn[i][j])));
        expect(most).toBeLessThanOrEqual(2);
      }
    },
    PATIENCE,
  );

  test(
    "that is lost ends the run with one line; it goes on to the bytes of a run that kept it",
    async () => {
      const { losses, error } = await page.call.train("/runs/lost", { loseAfter: 3 });
      expect(losses).toHaveLength(3);
      expect(error).toMatch(/^GpuError: the GPU \(.+\) was lost/);
      await page.reload();
      expect((await page.call.train("/runs/lost", { resume: true })).error).toBe("");
      const whole = await page.call.hashes("/runs/whole/checkpoints/step-000004");
      expect(await page.call.hashes("/runs/lost/checkpoints/step-000004")).toEqual(whole);
    },
    PATIENCE,
  );
});
