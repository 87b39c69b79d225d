// The studio as a person uses it, in Chromium: runs are looked at and compared, a training is begun, stopped and continued,
// pictures are explained; on a phone's width, in light and dark, and without what hinders people.

import { readFile, writeFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodePng, synthetic, withChannels } from "../../src/index.ts";
import { workFolder } from "../cli/support.ts";
import { describeInBrowser, launch, SOFTWARE_GPU } from "./support/chromium.ts";
import { expectNoHindrance, openStudio, type StudioPage, trainTwo } from "./support/studio_page.ts";

const PATIENCE = 120_000;
/** The processor compiles the GPU's shaders, too. */
const LONG = 300_000;

describeInBrowser("the studio", () => {
  const work = workFolder();
  let studio: StudioPage;
  let page: Page;
  let url = "";

  beforeAll(async () => {
    await trainTwo(work.path);
    studio = await openStudio(work.path);
    ({ page, url } = studio);
  }, PATIENCE);

  afterAll(() => studio?.close());

  test(
    "shows the runs of the folder, lays curves over each other, and keeps notes",
    async () => {
      await page.goto(`${url}#runs`);
      await page.getByRole("button", { name: /^first/ }).click();
      await page.getByRole("img", { name: /^loss over steps; last, first: \d/ }).waitFor();
      await page.getByRole("region", { name: "progress" }).getByText("step 4 of 4").waitFor();
      const grid = page.getByRole("img", { name: "pictures of the run after 4 steps" });
      await expect
        .poll(() => grid.evaluate((image: HTMLImageElement) => image.naturalWidth))
        .toBeGreaterThan(0);
      await page.getByRole("slider", { name: "step 4" }).press("ArrowLeft");
      await page.getByRole("img", { name: "pictures of the run after 2 steps" }).waitFor();
      await page.getByRole("listitem").filter({ hasText: "second" }).getByLabel("compare").check();
      await page.getByRole("img", { name: /first: \d.*; second: \d/ }).waitFor();
      const seeds = page.getByRole("row").filter({ hasText: "training.seed" }).getByRole("cell");
      expect(await seeds.allTextContents()).toEqual(["0", "1"]);
      await page.getByLabel("notes").fill("the better one");
      await page.getByRole("button", { name: "save" }).click();
      await page.getByRole("button", { name: "saved" }).waitFor();
      expect(await readFile(work.path("runs/first/notes.txt"), "utf8")).toBe("the better one");
      await page.reload();
      await page.getByRole("button", { name: /^first/ }).click();
      expect(await page.getByLabel("notes").inputValue()).toBe("the better one");
    },
    PATIENCE,
  );

  test(
    "follows a run that is trained elsewhere, also one of ten thousand steps",
    async () => {
      const record = (step: number) =>
        JSON.stringify({
          step,
          epoch: 1,
          loss: 1 / step,
          lr: 1e-3,
          grad_norm: 1,
          images_per_second: 9,
          seconds: step,
        });
      const records = Array.from({ length: 10_000 }, (_, i) => record(i + 1));
      await writeFile(work.path("runs/second/metrics.jsonl"), `${records.slice(0, 9_999).join("\n")}\n`);
      await page.goto(`${url}#runs`);
      await page.getByRole("button", { name: /^second/ }).click();
      await page.getByRole("img", { name: /second: 0\.00010001/ }).waitFor();
      await writeFile(work.path("runs/second/metrics.jsonl"), `${records.join("\n")}\n`);
      await page.getByRole("img", { name: /second: 0\.0001$/ }).waitFor();
    },
    PATIENCE,
  );

  test(
    "begins a training, says at the field what is wrong, stops it, and goes on after a reload",
    async () => {
      await page.goto(`${url}#train`);
      await page.getByLabel("name").fill("mine");
      await page.getByLabel("preset").selectOption("quick32");
      await page.getByLabel("computes on").selectOption("wasm");
      await page.getByLabel("images per step").fill("many");
      await page.getByRole("button", { name: "train" }).click();
      const alert = page.getByRole("alert");
      await alert.filter({ hasText: '--batch-size is "many"; expected a whole number' }).waitFor();
      expect(await page.getByLabel("images per step").getAttribute("aria-invalid")).toBe("true");
      await page.getByLabel("images per step").fill("1");
      await page.getByRole("button", { name: "train" }).click();
      await page.getByRole("heading", { name: "mine" }).waitFor();
      await page.getByRole("button", { name: "stop", exact: true }).click();
      await page.getByRole("button", { name: "go on" }).waitFor();
      await page.goto(`${url}#runs`);
      await page.reload();
      await page.getByRole("button", { name: /^mine/ }).click();
      await page.getByRole("button", { name: "go on" }).click();
      await page.getByRole("button", { name: "stop", exact: true }).click();
      await page.getByRole("button", { name: "go on" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "trains in this tab, and goes on after a reload",
    async () => {
      await page.goto(`${url}#train`);
      await page.getByLabel("trained by").selectOption("tab");
      await page.getByLabel("name").fill("here");
      await page.getByLabel("preset").selectOption("quick32");
      await page.getByLabel("computes on").selectOption("wasm");
      await page.getByLabel("images per step").fill("many");
      await page.getByRole("button", { name: "train" }).click();
      await page.getByRole("alert").filter({ hasText: '--batch-size is "many"' }).waitFor();
      await page.getByLabel("images per step").fill("1");
      await page.getByRole("button", { name: "train" }).click();
      await page.getByRole("heading", { name: "here" }).waitFor();
      await page
        .getByText(/^step [1-9]\d* of 1500/)
        .first()
        .waitFor();
      await page.getByRole("button", { name: "pause" }).click();
      await page.getByText("paused", { exact: true }).waitFor();
      await page.getByRole("button", { name: "go on" }).click();
      await page.getByRole("button", { name: "pause" }).waitFor();
      await page.getByRole("button", { name: "stop", exact: true }).click();
      await page.getByRole("button", { name: "go on" }).waitFor();
      await page.goto(`${url}#runs`);
      await page.reload();
      const row = page.getByRole("button", { name: /^here/ });
      await row.click();
      const step = async () => Number(/step (\d+) of/.exec((await row.textContent()) ?? "")?.[1]);
      const before = await step();
      await page.getByRole("button", { name: "go on" }).click();
      await expect.poll(step, { timeout: 30_000 }).toBeGreaterThan(before);
      // Another tab sees the run, and must leave it alone.
      const other = await page.context().newPage();
      await other.goto(`${url}#runs`);
      await other.getByRole("button", { name: /^here/ }).click();
      await other.getByRole("button", { name: "go on" }).click();
      await other.getByRole("alert").filter({ hasText: "is training this run" }).waitFor();
      await other.close();
      await page.getByRole("button", { name: "stop", exact: true }).click();
      await page.getByRole("button", { name: "go on" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "asks for the images of a run that goes on after a reload",
    async () => {
      const images = synthetic({ count: 4, size: 32 });
      const files = await Promise.all(
        Array.from({ length: 4 }, async (_, i) => ({
          ...{ name: `${i}.png`, mimeType: "image/png" },
          buffer: Buffer.from(await encodePng(images.image(i), 32, 32)),
        })),
      );
      await page.goto(`${url}#train`);
      await page.reload();
      await page.getByLabel("trained by").selectOption("tab");
      await page.getByLabel("name").fill("mine here");
      await page
        .getByRole("group", { name: /^images/ })
        .getByLabel("files")
        .setInputFiles(files);
      await page.getByLabel("preset").selectOption("quick32");
      await page.getByLabel("computes on").selectOption("wasm");
      await page.getByLabel("images per step").fill("1");
      await page.getByRole("button", { name: "train" }).click();
      await page.getByRole("heading", { name: "mine here" }).waitFor();
      await page.getByRole("button", { name: "stop", exact: true }).click();
      await page.getByRole("button", { name: "go on" }).waitFor();
      await page.goto(`${url}#runs`);
      await page.reload();
      await page.getByRole("button", { name: /^mine here/ }).click();
      await page
        .getByRole("group", { name: "go on with its 4 images" })
        .getByLabel("files")
        .setInputFiles(files);
      await page.getByRole("button", { name: "stop", exact: true }).click();
      await page.getByRole("button", { name: "go on" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "trains on a GPU in this tab, stops and goes on",
    async () => {
      const withGpu = await launch(SOFTWARE_GPU);
      try {
        const own = await withGpu.newPage();
        own.setDefaultTimeout(LONG);
        await own.goto(`${url}#train`);
        await own.getByLabel("trained by").selectOption("tab");
        await own.getByLabel("name").fill("on a GPU");
        await own.getByLabel("preset").selectOption("quick32");
        await own.getByLabel("computes on").selectOption("webgpu");
        await own.getByLabel("images per step").fill("1");
        await own.getByRole("button", { name: "train" }).click();
        await own
          .getByText(/^step [1-9]\d* of 1500/)
          .first()
          .waitFor();
        await own.getByText(/^on [a-z ]*swiftshader [(]WebGPU[)]$/i).waitFor();
        await own.getByRole("button", { name: "stop", exact: true }).click();
        await own.getByRole("button", { name: "go on" }).click();
        await own.getByRole("button", { name: "stop", exact: true }).click();
        await own.getByRole("button", { name: "go on" }).waitFor();
      } finally {
        await withGpu.close();
      }
    },
    LONG,
  );

  test(
    "explains how a picture comes out of noise",
    async () => {
      await page.goto(`${url}#learn`);
      await page.getByLabel(/^model/).selectOption({ label: "first" });
      await page.getByRole("button", { name: "begin with noise" }).click();
      await page.getByRole("img", { name: "what it takes for the clean picture" }).waitFor();
      await page.getByRole("button", { name: "next step" }).click();
      await page.getByRole("img", { name: "after step 2:" }).waitFor();
      await page.getByRole("button", { name: "back" }).click();
      await page.getByRole("img", { name: "after step 1:" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "adds noise to a picture by a slider, and shows what the model makes of it",
    async () => {
      await page.goto(`${url}#learn`);
      await page.getByLabel(/^model/).selectOption({ label: "first" });
      await page.getByRole("button", { name: "ask the model" }).click();
      const given = page.getByRole("img", { name: "what the model is given", exact: true });
      const pixels = () => given.evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
      await given.waitFor();
      const half = await pixels();
      await page.getByRole("slider", { name: "noise, 50 %" }).press("Home");
      await page.getByRole("slider", { name: "noise, 0 %" }).waitFor();
      await expect.poll(pixels).not.toBe(half);
      // With hardly any noise, the picture itself is there: the first of the drawn butterflies.
      const seen = await given.evaluate((canvas: HTMLCanvasElement) => [
        ...(canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? []),
      ]);
      const butterfly = withChannels(
        { width: 8, height: 8, channels: 3, data: synthetic({ size: 8 }).image(0) },
        4,
      ).data;
      const largest = Math.max(...seen.map((level, i) => Math.abs(level - butterfly[i])));
      expect(seen.length).toBe(butterfly.length);
      expect(largest).toBeLessThan(16);
      await page.setViewportSize({ width: 390, height: 844 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    },
    PATIENCE,
  );

  test(
    "hinders nobody: no view has a violation that axe finds, in light, dark, and on a phone",
    async () => {
      for (const view of ["train", "runs", "draw", "learn"]) {
        await expectNoHindrance(page, view, async () => {
          await page.goto(`${url}#${view}`);
          await page.reload();
          if (view === "runs") await page.getByRole("button", { name: /^first/ }).click();
          await page.getByRole("main").getByRole("heading").first().waitFor();
        });
      }
    },
    PATIENCE,
  );

  test("has no error in its console but the refusals that it shows", () => {
    const refusals = /^Failed to load resource: the server responded with a status of (422|409)/;
    expect(studio.problems.filter((problem) => !refusals.test(problem))).toEqual([]);
  });
});
