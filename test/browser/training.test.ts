// Training in a page: with threads where the page is isolated, on one where it is not; the same bits as in Node.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DDPMPipeline,
  openImages,
  synthetic,
  Trainer,
  unzipFolder,
  writeImage,
  zipFolder,
} from "../../src/index.ts";
import { maxDifference } from "../support/compare.ts";
import { readJsonFixture } from "../support/golden.ts";
import { parseRecord } from "../support/golden_training.ts";
import { expectTwentySteps } from "../support/golden_training_bounds.ts";
import { expectGoldenUNet, GOLDEN_UNETS } from "../support/golden_unet_bounds.ts";
import { openSite } from "../support/site.ts";
import { trainingOptions } from "../support/small_training.ts";
import { describeInBrowser, launch } from "./support/chromium.ts";
import { type OpenPage, openPage } from "./support/page.ts";

type Training = typeof import("./pages/training.ts");

const fixtures = fileURLToPath(new URL("../fixtures", import.meta.url));

let folder: string;
let browser: Browser;

/** SHA-256 of each file of a folder, by its name. */
async function hashes(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const found = entries
    .filter((entry) => entry.isFile())
    .map(async ({ parentPath, name }): Promise<[string, string]> => {
      const path = join(parentPath, name);
      const hash = createHash("sha256").update(await readFile(path));
      return [path.slice(root.length + 1), hash.digest("hex")];
    });
  return Object.fromEntries((await Promise.all(found)).toSorted());
}

/** What this machine's Node makes of the same training. */
async function trainInNode(): Promise<{ losses: number[]; run: string; pixels: number[][] }> {
  const run = join(folder, "node");
  const losses: number[] = [];
  for await (const { loss } of new Trainer({ ...trainingOptions(run), threads: 2 }).run()) losses.push(loss);
  return { losses, run, pixels: await drawInNode(run) };
}

async function drawInNode(source: string): Promise<number[][]> {
  const pipeline = await DDPMPipeline.fromPretrained(source, { threads: 2 });
  try {
    const images = await pipeline.generateImages({ count: 2, steps: 4, scheduler: "ddim", seed: 3 });
    return images.map(({ data }) => [...data]);
  } finally {
    await pipeline.close();
  }
}

describeInBrowser("training in a page", () => {
  let node: Awaited<ReturnType<typeof trainInNode>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imago-page-training-"));
    [browser, node] = await Promise.all([launch(), trainInNode()]);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  describe.each([
    ["isolated from others, with threads", true, 2],
    ["not isolated, on one thread", false, undefined],
  ])("%s", (_, isolated, threads) => {
    let page: OpenPage<Training>;
    beforeAll(async () => {
      page = await openPage<Training>(browser, "training", { isolated, folder: fixtures });
    });
    afterAll(() => page?.close());
    const options = threads === undefined ? {} : { threads };

    test("twenty steps, weights and pictures have the bits of Node's", async () => {
      expect(await page.call.isIsolated()).toBe(isolated);
      expect(await page.call.train("/runs/whole", options)).toEqual(node.losses);
      expect(await page.call.hashes("/runs/whole/checkpoints")).toEqual(
        await hashes(join(node.run, "checkpoints")),
      );
      expect(await page.call.draw("/runs/whole")).toEqual(node.pixels);
      expect(await page.call.text("/runs/whole/metrics.jsonl")).toMatch(/^(\{"step":\d+,.+\}\n){20}$/);
      expect(page.printed).toEqual([]);
    });

    test("a run that was stopped, or whose page was closed, goes on to the same bytes", async () => {
      const { call } = page;
      expect(await call.train("/runs/stopped", { ...options, stopAfter: 7 })).toEqual(
        node.losses.slice(0, 7),
      );
      await page.reload();
      expect(await call.train("/runs/stopped", { ...options, resume: true })).toEqual(node.losses.slice(7));
      const whole = await hashes(join(node.run, "checkpoints", "step-000020"));
      expect(await call.hashes("/runs/stopped/checkpoints/step-000020")).toEqual(whole);

      if (!isolated) return;
      // Loaded again in the middle of it: what has not reached a checkpoint is done again.
      const cut = call.train("/runs/cut", options).catch(() => "cut off");
      await expect
        .poll(() => call.hashes("/runs/cut/checkpoints").then(Object.keys, () => []), { timeout: 30_000 })
        .toContain("step-000010/state.json");
      await page.reload();
      expect(await cut).toBe("cut off");
      await call.train("/runs/cut", { ...options, resume: true });
      expect(await call.hashes("/runs/cut/checkpoints/step-000020")).toEqual(whole);
    });

    test("runs leave as archives, which Node reads, and come back", async () => {
      const { call } = page;
      const zip = await call.exported("/runs/whole");
      const path = join(folder, `${isolated}.zip`);
      await writeFile(path, Buffer.from(zip, "base64"));
      await unzipFolder(path, join(folder, `${isolated}`));
      const { "config.json": _, ...copy } = await hashes(join(folder, `${isolated}`));
      const { "config.json": __, ".lock": ___, ...original } = await call.hashes("/runs/whole");
      expect(copy).toEqual(original);
      expect(await drawInNode(join(folder, `${isolated}`))).toEqual(node.pixels);

      await call.imported(zip, "/runs/imported");
      expect(await call.draw("/runs/imported")).toEqual(node.pixels);
    });

    test("what cannot be is refused in words", async () => {
      const { call } = page;
      expect(await call.failure("/runs/whole", options)).toMatch(
        /^RunFolderError: \/runs\/whole already holds a run; /,
      );
      const many = await call.failure("/runs/many", { threads: 3 });
      expect(many).toMatch(
        isolated
          ? /^none$/
          : /^Error: threads: memory cannot be shared here, so wants 1, got 3; a page's server/,
      );
    });

    test("dropped folders of images, and a zip archive of them, are Node's within a level", async () => {
      const images = join(folder, `${isolated}-images`);
      await mkdir(join(images, "day"), { recursive: true });
      await mkdir(join(images, "night"));
      const names = ["day/a.png", "day/b.jpg", "night/c.webp"];
      for (const [i, name] of names.entries()) {
        await writeImage(join(images, name), {
          width: 48,
          height: 48,
          channels: 3,
          data: synthetic({ size: 48 }).image(i),
        });
      }
      const files = await Promise.all(
        names.map(async (name) => ({
          path: `moths/${name}`,
          base64: (await readFile(join(images, name))).toString("base64"),
        })),
      );
      const expected = await openImages(images, { size: 20 });
      const zip = await new Response(await zipFolder(images)).arrayBuffer();
      const archive = [{ path: "moths.zip", base64: Buffer.from(zip).toString("base64") }];
      for (const given of [files, archive]) {
        const { labels, pixels } = await page.call.dropped(given, 20);
        expect(labels).toEqual(expected.labels?.names);
        for (const [i, image] of pixels.entries()) {
          expect(maxDifference(image, expected.image(i)), names[i]).toBeLessThanOrEqual(1);
        }
      }
    });

    test("a pipeline of another site, as a folder and as an archive", async () => {
      await writeFile(join(folder, "pipeline.zip"), await zipFolder(join(node.run, "pipeline")));
      const other = await openSite({ folder, cors: true });
      try {
        for (const path of ["/node/pipeline", "/pipeline.zip"]) {
          expect(await page.call.draw(`${other.url}${path}`)).toEqual(node.pixels);
        }
        const closed = await openSite({ folder });
        await expect(page.call.draw(`${closed.url}/node/pipeline`)).rejects.toThrow(
          /cannot be fetched \(.*\); check the address, and whether its server lets other pages read/,
        );
        await closed.close();
      } finally {
        await other.close();
      }
    });

    test.each(GOLDEN_UNETS)("golden UNet %s", async (name) => {
      expectGoldenUNet(name, await page.call.goldenUNet(name), 1e-4);
    });

    test("twenty golden steps", async () => {
      const record = parseRecord(await readJsonFixture("train_20_steps.json"));
      expectTwentySteps(await page.call.goldenTraining(), record);
    });
  });
});
