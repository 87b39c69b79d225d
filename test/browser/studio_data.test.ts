// Images looked through in the studio, in Chromium: from a path of the server, from files of the user and from a run; by
// class, by keyboard, larger; broken files, near-duplicates, and what augmentation does to them.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { synthetic } from "../../src/data/index.ts";
import { said, workFolder } from "../cli/support.ts";
import { describeInBrowser } from "./support/chromium.ts";
import { expectNoHindrance, openStudio, type StudioPage } from "./support/studio_page.ts";

const PATIENCE = 120_000;
const SIDE = 32;
const MANY = 10_000;

/** An array of NumPy with many images of noise, [MANY, 8, 8, 3]. */
function manyImages(): Buffer {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${MANY}, 8, 8, 3), }`;
  const padded = `${header.padEnd(128 - 10 - 1)}\n`;
  const pixels = Buffer.alloc(MANY * 8 * 8 * 3);
  let state = 1;
  for (let i = 0; i < pixels.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    pixels[i] = state >>> 24;
  }
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, padded.length, 0]);
  return Buffer.concat([start, Buffer.from(padded), pixels]);
}

describeInBrowser("images in the studio", () => {
  const work = workFolder();
  let studio: StudioPage;
  let page: Page;

  beforeAll(async () => {
    const drawn = synthetic({ size: SIDE, count: 40 });
    const image = (i: number) => sharp(drawn.image(i), { raw: { width: SIDE, height: SIDE, channels: 3 } });
    for (const name of ["ants", "bees"]) await mkdir(work.path(`images/${name}`), { recursive: true });
    for (let i = 0; i < 40; i++) {
      const name = `${i < 30 ? "ants" : "bees"}/${String(i).padStart(2, "0")}.png`;
      await image(i)
        .png()
        .toFile(work.path(`images/${name}`));
    }
    await image(3).jpeg({ quality: 95 }).toFile(work.path("images/bees/copy.jpg"));
    await writeFile(work.path("images/bees/broken.png"), "no image");
    await writeFile(work.path("many.npy"), manyImages());
    await mkdir(work.path("empty"));
    await said([
      ...["train", "--out", work.path("runs/one"), "--model", work.path("model.json")],
      ...[
        "--data",
        work.path("images"),
        "--skip-broken",
        "--fit",
        "pad",
        "--steps",
        "1",
        "--batch-size",
        "2",
      ],
      ...["--sample-every", "0", "--backend", "reference"],
    ]);
    studio = await openStudio(work.path);
    ({ page } = studio);
  }, PATIENCE);

  afterAll(() => studio?.close());

  const submit = () => page.getByRole("button", { name: "look at them" }).click();
  const fact = (name: string) =>
    page
      .getByLabel("what the images are")
      .locator("div")
      .filter({ has: page.getByText(name, { exact: true }) })
      .locator("dd")
      .textContent();
  const cell = (name: string | RegExp) =>
    page.getByRole("list", { name: "images" }).getByRole("button", { name });
  const pixels = (picture: Locator) =>
    picture.evaluate((canvas: HTMLCanvasElement) =>
      [...(canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [])].join(),
    );

  async function readPath(path: string, size = String(SIDE)): Promise<void> {
    await page.goto(`${studio.url}#data`);
    await page.reload();
    await page.getByLabel("of", { exact: true }).selectOption("source");
    await page.getByLabel("path or name").fill(path);
    await page.getByLabel("size", { exact: true }).fill(size);
    await submit();
  }

  test(
    "a folder of the server is a wall with its labels, sizes, formats, broken files and near-duplicates",
    async () => {
      await readPath(work.path("images"));
      await cell("ants/00.png, ants, 32 x 32, png, 3 channels").waitFor();
      expect(await fact("images")).toBe("41");
      expect(await fact("read as")).toBe("32 x 32 px, RGB");
      expect(await fact("formats")).toBe("png, 3 channels: 40; jpeg, 3 channels: 1");
      expect(await fact("most often")).toBe("32 x 32 (41)");
      const broken = page.getByRole("region", { name: "broken files" }).getByRole("row").nth(1);
      expect(await broken.getByRole("cell").allTextContents()).toEqual(["bees/broken.png", "not an image"]);
      const near = page.getByRole("region", { name: "near-duplicates" });
      await near.getByRole("img", { name: /^ants\/03.png/ }).waitFor();
      await near.getByRole("img", { name: /^bees\/copy.jpg/ }).waitFor();
      await near.getByText(/^\d of 256 bits apart$/).waitFor();
      const own = sharp(work.path("images/ants/05.png")).ensureAlpha().raw();
      expect(await pixels(cell(/^ants\/05.png/).locator("canvas"))).toBe([...(await own.toBuffer())].join());
    },
    PATIENCE,
  );

  test(
    "one class is shown alone, and all of them again",
    async () => {
      await readPath(work.path("images"));
      await page.getByRole("button", { name: "bees 11" }).click();
      await cell(/^bees\/30.png/).waitFor();
      expect(await page.getByRole("list", { name: "images" }).getByRole("button").count()).toBe(11);
      expect(await page.getByRole("button", { name: "bees 11" }).getAttribute("aria-pressed")).toBe("true");
      await page.getByRole("button", { name: "all 41" }).click();
      await cell(/^ants\/00.png/).waitFor();
    },
    PATIENCE,
  );

  test(
    "arrow keys go over the wall; enter shows an image larger, where they go on",
    async () => {
      await readPath(work.path("images"));
      await cell(/^ants\/00.png/).focus();
      await page.keyboard.press("ArrowRight");
      expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(
        /^ants\/01.png/,
      );
      await page.locator(".told").filter({ hasText: "ants/01.png, ants, 32 x 32" }).waitFor();
      await page.keyboard.press("End");
      await expect
        .poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label")))
        .toMatch(/^bees\/copy.jpg/);
      await page.keyboard.press("Home");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowUp");
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog");
      await dialog.getByRole("heading", { name: "ants/00.png" }).waitFor();
      await page.keyboard.press("ArrowRight");
      await dialog.getByRole("heading", { name: "ants/01.png" }).waitFor();
      await dialog.getByText("2 of 41").waitFor();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "hidden" });
      expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(
        /^ants\/00.png/,
      );
    },
    PATIENCE,
  );

  test(
    "augmentation shows what training sees: nothing changes without, each epoch differs with it",
    async () => {
      await readPath(work.path("images"));
      const region = page.getByRole("region", { name: "augmentation" });
      const first = region.getByRole("img", { name: "ants/00.png, epoch 1", exact: true });
      await first.waitFor();
      await region.getByRole("button", { name: "none" }).click();
      const plain = await pixels(region.getByRole("img", { name: "ants/00.png, as it is" }));
      await expect.poll(() => pixels(first)).toBe(plain);
      await region.getByRole("slider", { name: /--rotate/ }).focus();
      for (let i = 0; i < 30; i++) await page.keyboard.press("ArrowRight");
      await region.getByText("imago train --rotate 30").waitFor();
      // As imago data preview draws it, which is what training sees.
      const out = work.path("preview.png");
      const options = ["--count", "41", "--rotate", "30", "--out", out, "--force"];
      await said(["data", "preview", work.path("images"), "--size", "32", "--skip-broken", ...options]);
      const corner = sharp(out).extract({ left: 4, top: 4, width: 4 * SIDE, height: 4 * SIDE });
      const cut = await corner.resize(SIDE, SIDE, { kernel: "nearest" }).ensureAlpha().raw().toBuffer();
      const turned = [...cut].join();
      expect(turned).not.toBe(plain);
      await expect.poll(() => pixels(first)).toBe(turned);
      const second = await pixels(region.getByRole("img", { name: "ants/00.png, epoch 2", exact: true }));
      expect(second).not.toBe(turned);
      await region.getByRole("button", { name: "another draw" }).click();
      await region.getByRole("img", { name: "ants/00.png, epoch 6", exact: true }).waitFor();
      expect(await region.getByRole("img", { name: "ants/00.png, epoch 1", exact: true }).count()).toBe(0);
    },
    PATIENCE,
  );

  test(
    "an image that was looked at is augmented alone",
    async () => {
      await readPath(work.path("images"));
      await cell(/^ants\/02.png/).click();
      await page.getByRole("dialog").getByRole("button", { name: "augment it" }).click();
      const region = page.getByRole("region", { name: "augmentation" });
      await region.getByRole("img", { name: "ants/02.png, as it is" }).waitFor();
      await expect.poll(() => region.getByRole("img").count()).toBe(18);
      await region.getByRole("button", { name: "the first images" }).click();
      await region.getByRole("img", { name: "ants/00.png, as it is" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "what cannot be read is told in the words of the command",
    async () => {
      await readPath(work.path("images"), "9999");
      await page.getByRole("alert").filter({ hasText: '--size is "9999"; expected a side' }).waitFor();
      expect(await page.getByLabel("size", { exact: true }).getAttribute("aria-invalid")).toBe("true");
      await readPath(work.path("nowhere"));
      await page
        .getByRole("alert")
        .filter({ hasText: "nowhere: there is no such folder or file; check the path" })
        .waitFor();
      await readPath(work.path("empty"));
      await page.getByRole("alert").filter({ hasText: "no images" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "a reading is followed, and cancelled",
    async () => {
      const status = `${studio.url}api/data/*`;
      await page.route(status, (route) =>
        route.request().method() === "GET"
          ? route.fulfill({
              json: {
                stage: { text: "reading images: 10 of 40", share: 0.25 },
                ...{ isRead: false, isSearched: false, problem: null },
              },
            })
          : route.continue(),
      );
      await readPath(work.path("images"));
      await page.getByRole("status").getByText("reading images: 10 of 40").waitFor();
      expect(await page.getByRole("progressbar", { name: "reading" }).getAttribute("value")).toBe("0.25");
      const closed = page.waitForResponse((response) => response.request().method() === "DELETE");
      await page.getByRole("button", { name: "cancel" }).click();
      const { status: code, url } = await closed.then((one) => ({ status: one.status(), url: one.url() }));
      expect(code).toBe(200);
      await page.unroute(status);
      expect((await fetch(url)).status).toBe(404);
      await page.getByText("Look at images before you train on them").waitFor();
    },
    PATIENCE,
  );

  test(
    "ten thousand images are a wall of few elements, from the first to the last",
    async () => {
      await readPath(work.path("many.npy"), "8");
      const buttons = page.getByRole("list", { name: "images" }).getByRole("button");
      await buttons.first().locator("canvas").waitFor();
      expect(await fact("images")).toBe("10,000");
      expect(await buttons.count()).toBeLessThan(300);
      await buttons.first().focus();
      await page.keyboard.press("End");
      const last = page.locator(`[data-position="${MANY - 1}"]`);
      await last.locator("canvas").waitFor();
      expect(await buttons.count()).toBeLessThan(300);
      const lastPixel = (await readFile(work.path("many.npy"))).subarray(-3);
      expect((await pixels(last.locator("canvas"))).split(",").slice(-4)).toEqual(
        [...lastPixel, 255].map(String),
      );
    },
    PATIENCE,
  );

  test(
    "files that are chosen or dropped are read in this browser, with their folders as labels",
    async () => {
      await page.goto(`${studio.url}#data`);
      await page.reload();
      await page.getByLabel("of", { exact: true }).selectOption("files");
      await submit();
      await page.getByRole("alert").filter({ hasText: "no files were given yet" }).waitFor();
      await page.getByLabel("size", { exact: true }).fill(String(SIDE));
      await page.getByLabel("a folder").setInputFiles(work.path("images"));
      await cell(/^bees\/30.png, bees/).waitFor();
      expect(await fact("classes")).toBe("2");
      await page.getByRole("cell", { name: "not an image" }).waitFor();
      await page
        .getByRole("region", { name: "near-duplicates" })
        .getByRole("img", { name: /^bees\/copy.jpg/ })
        .waitFor();
      await page.getByRole("button", { name: "ants 30" }).click();
      await cell(/^ants\/29.png/).waitFor();

      const names = ["07", "08"];
      const files = await Promise.all(
        names.map(
          async (name) => [name, [...(await readFile(work.path(`images/ants/${name}.png`)))]] as const,
        ),
      );
      const dropped = await page.evaluateHandle((given) => {
        const transfer = new DataTransfer();
        for (const [name, bytes] of given) {
          transfer.items.add(new File([new Uint8Array(bytes)], `${name}.png`, { type: "image/png" }));
        }
        return transfer;
      }, files);
      await page.locator(".dropping").dispatchEvent("drop", { dataTransfer: dropped });
      await cell(/^08.png, 32 x 32/).waitFor();
      expect(await fact("images")).toBe("2");
      const own = sharp(work.path("images/ants/08.png")).ensureAlpha().raw();
      expect(await pixels(cell(/^08.png/).locator("canvas"))).toBe([...(await own.toBuffer())].join());
    },
    PATIENCE,
  );

  test(
    "the drawn butterflies, and the data of a run as the run has it",
    async () => {
      await page.goto(`${studio.url}#data`);
      await page.reload();
      await page.getByLabel("size", { exact: true }).fill("16");
      await submit();
      await cell("image 0, apollo, drawn")
        .or(cell(/^image 0, /))
        .first()
        .waitFor();
      expect(await fact("images")).toBe("1,000");
      expect(await fact("classes")).toBe("19");
      await page.getByLabel("of", { exact: true }).selectOption("run:one");
      await expect.poll(() => page.getByLabel("of another shape").inputValue()).toBe("pad");
      await submit();
      await cell(/^ants\/00.png/).waitFor();
      expect(await fact("images")).toBe("41");
    },
    PATIENCE,
  );

  test(
    "hinders nobody, in light, dark, and on a phone",
    async () => {
      await expectNoHindrance(page, "data", async () => {
        await readPath(work.path("images"));
        await page.getByText(/^\d of 256 bits apart$/).waitFor();
        await page.getByRole("img", { name: "ants/00.png, epoch 1", exact: true }).waitFor();
      });
      await expectNoHindrance(page, "an image", async () => {
        await page.keyboard.press("Escape");
        await cell(/^ants\/00.png/).click();
        await page.getByRole("dialog").getByRole("heading", { name: "ants/00.png" }).waitFor();
      });
    },
    PATIENCE,
  );

  test("has no error in its console", () => {
    expect(studio.problems).toEqual([]);
  });

  test(
    "a data set that others' have displaced is told to be read again",
    async () => {
      await readPath(work.path("many.npy"), "8");
      await page.locator('[data-position="0"] canvas').waitFor();
      await page.getByText(/None: no two images look the same/).waitFor();
      for (let i = 0; i < 2; i++) {
        const form = {
          from: { kind: "source", source: "synthetic" },
          ...{ size: { width: 8, height: 8 }, channels: 3, fit: "crop" },
        };
        const origin = studio.url.replace(/\/$/, "");
        await fetch(`${studio.url}api/data`, {
          ...{ method: "POST", headers: { origin, "content-type": "application/json" } },
          body: JSON.stringify(form),
        });
      }
      await page.locator('[data-position="0"]').focus();
      await page.keyboard.press("End");
      await page.getByRole("alert").filter({ hasText: "no longer open" }).waitFor();
    },
    PATIENCE,
  );
});
