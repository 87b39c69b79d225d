// Drawing what a prompt says in the studio: with models of the served folder, single files among them, from images, parts of
// them anew, and with LoRAs.

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { decodeImage, fitted, type Pixels, writeImage } from "../../src/io/image/index.ts";
import { StableDiffusionImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_img2img_pipeline.ts";
import { StableDiffusionInpaintPipeline } from "../../src/pipelines/stable_diffusion_inpaint_pipeline.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { imago, workFolder } from "../cli/support.ts";
import { fixture } from "../support/golden.ts";
import { describeInBrowser } from "./support/chromium.ts";
import { expectNoHindrance, openStudio, type StudioPage } from "./support/studio_page.ts";

const PATIENCE = 120_000;
const MODEL = fixture("stable_diffusion/pipeline");
const STYLE = fixture("stable_diffusion/lora/style.safetensors");
const CALL = { prompt: "a castle", steps: 4, scheduler: "ddim", seed: 3 } as const;

describeInBrowser("drawing what a prompt says in the studio", () => {
  const work = workFolder();
  let studio: StudioPage;
  let page: Page;
  let url = "";

  beforeAll(async () => {
    await mkdir(work.path("runs/alone"), { recursive: true });
    await cp(MODEL, work.path("runs/castles"), { recursive: true });
    await cp(MODEL, work.path("runs/xl"), { recursive: true });
    await cp(fixture("stable_diffusion/pipeline_xl"), work.path("runs/xl"), { recursive: true });
    await cp(STYLE, work.path("runs/style.safetensors"));
    const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
    await pipeline.saveSingleFile(work.path("runs/alone/castles.safetensors"));
    await pipeline.close();
    await writeImage(work.path("photo.png"), photo());
    await writeImage(work.path("mask.png"), half());
    studio = await openStudio(work.path);
    ({ page, url } = studio);
  }, PATIENCE);

  afterAll(() => studio?.close());

  const drawButton = () => page.getByRole("button", { name: "draw", exact: true });
  const begin = async (label: string | RegExp = "castles"): Promise<void> => {
    await page.goto(`${url}#draw`);
    await page.reload();
    const source = page.getByLabel(/^with/);
    await source.locator("option", { hasText: "castles" }).first().waitFor({ state: "attached" });
    const option = source.locator("option").filter({ hasText: label }).first();
    await source.selectOption((await option.getAttribute("value")) ?? "");
    await page.getByLabel(/^prompt/).fill(CALL.prompt);
    await page.getByLabel("scheduler").selectOption(CALL.scheduler);
    await page.getByLabel(/^steps$/).fill(String(CALL.steps));
    await page.getByLabel(/^seed$/).fill(String(CALL.seed));
    await page.getByLabel("computes on").selectOption("wasm");
  };
  const drawn = async (): Promise<void> => {
    await drawButton().click();
    await page.getByText(/^drawn in/).waitFor();
  };
  /** What a canvas shows, RGB. */
  const seen = async (canvas: Locator): Promise<number[]> => {
    const rgba = await canvas.evaluate((element: HTMLCanvasElement) => [
      ...(element.getContext("2d")?.getImageData(0, 0, element.width, element.height).data ?? []),
    ]);
    return rgba.filter((_, i) => i % 4 !== 3);
  };
  const picture = (number: number, step: number = CALL.steps) =>
    page.getByRole("img", { name: `picture ${number} after step ${step}` });
  /** Within one level: another number of threads is the same, another machine's rounding may not be. */
  const expectSame = (shown: readonly number[], image: Pixels | undefined): void => {
    const wanted = [...(image?.data ?? [])];
    expect(shown).toHaveLength(wanted.length);
    expect(Math.max(...shown.map((level, i) => Math.abs(level - wanted[i])))).toBeLessThanOrEqual(1);
  };
  const text = () => page.evaluate(() => navigator.clipboard.readText());

  test(
    "draws one by one with a model of the folder, and keeps what is done when it is stopped",
    async () => {
      await begin();
      await page.getByLabel("pictures").fill("3");
      await drawn();
      const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
      const images = await pipeline.generateImages({ ...CALL, count: 3 });
      await pipeline.close();
      for (const [k, image] of images.entries()) expectSame(await seen(picture(k + 1)), image);
      await page.getByLabel("pictures").fill("64");
      await drawButton().click();
      await picture(2).waitFor();
      await page.getByText(/^picture \d+ of 64, step \d of 4(, .+ left)?$/).waitFor();
      await page.getByRole("progressbar", { name: "of the drawing" }).waitFor();
      await page.getByRole("button", { name: "stop" }).click();
      await page.getByText("stopped").waitFor();
      const count = await page.getByRole("img", { name: / after step 4$/ }).count();
      expect(count).toBeGreaterThan(1);
      expect(count).toBeLessThan(64);
      const download = page.waitForEvent("download");
      await page.getByRole("button", { name: "save PNG" }).click();
      expect((await download).suggestedFilename()).toBe("drawing.png");
    },
    PATIENCE,
  );

  test(
    "shows each step if that is asked for, with films",
    async () => {
      await begin();
      await page.getByLabel("pictures").fill("2");
      await page.getByLabel("show each step").check();
      await drawn();
      await page.getByRole("slider", { name: /^step 4/ }).press("Home");
      await picture(2, 1).waitFor();
      await picture(1, 1).click();
      await page.getByRole("region", { name: "the film of picture 1" }).waitFor();
      await page.getByLabel("scheduler").selectOption("adaptive");
      await page.getByText("options of adaptive").click();
      await page.getByLabel("rtol").fill("0.5");
      await drawn();
      await page.getByRole("img", { name: /picture 1: \d+ steps, picture 2: \d+ steps/ }).waitFor();
    },
    PATIENCE,
  );

  test(
    "draws with a single file: with a tokenizer and configs of the folder, and says where they are missing",
    async () => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await begin("alone/castles.safetensors (Stable Diffusion 1)");
      await drawButton().click();
      await page
        .getByRole("alert")
        .filter({ hasText: "the vocabulary is not in a single file; choose its tokenizer" })
        .waitFor();
      const tokenizer = page.getByLabel("its tokenizer");
      await tokenizer.selectOption("castles/tokenizer");
      await drawButton().click();
      // The fixture is a model made small.
      await page.getByRole("alert").filter({ hasText: "of a model of another size" }).waitFor();
      await tokenizer.selectOption("models/castles");
      await drawn();
      const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
      const [image] = await pipeline.generateImages(CALL);
      await pipeline.close();
      expectSame(await seen(picture(1)), image);
      await page.getByRole("button", { name: "copy the command" }).click();
      await page.getByRole("button", { name: "copied" }).waitFor();
      const command = await text();
      expect(command).toContain(`--config "${work.path("runs")}/castles"`);
      const words = [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
      const out = ["--out", work.path("again.png"), "--each", work.path("again")];
      expect(await imago(...words.slice(2), ...out)).toMatchObject({ code: 0 });
      expectSame(await seen(picture(1)), await decodeImage(await readFile(work.path("again/0000.png"))));
    },
    PATIENCE,
  );

  test(
    "draws with a single file and a tokenizer of this computer",
    async () => {
      await begin("a single file of this computer");
      await page
        .getByLabel("a file of Stable Diffusion")
        .setInputFiles(work.path("runs/alone/castles.safetensors"));
      await page.getByLabel("its tokenizer").selectOption("own");
      await page.getByLabel('the folder "tokenizer"').setInputFiles(work.path("runs/alone"));
      await page.getByRole("alert").filter({ hasText: "this folder holds no tokenizer" }).waitFor();
      await page.getByLabel('the folder "tokenizer"').setInputFiles(MODEL);
      await drawn();
      await picture(1).waitFor();
    },
    PATIENCE,
  );

  test(
    "starts from an image, by a strength, and draws a part of it anew, painted or given",
    async () => {
      await begin();
      await page.getByLabel("an image to start from").setInputFiles(work.path("photo.png"));
      await page.getByLabel("strength").fill("0.5");
      await drawn();
      const image = await decodeImage(await readFile(work.path("photo.png")));
      const from = await StableDiffusionImg2ImgPipeline.fromPretrained(MODEL);
      const { channels: _, ...size } = from.imageSize;
      const whole = fitted(image, { size, channels: 3, fit: "crop", ground: null });
      const [expected] = await from.generateImages({ ...CALL, image: whole, strength: 0.5 });
      await from.close();
      expectSame(await seen(picture(1, 2)), expected);

      await page.getByLabel("or a mask").setInputFiles(work.path("mask.png"));
      await page.getByLabel("strength").fill("");
      await drawn();
      await picture(1).waitFor();
      const part = await StableDiffusionInpaintPipeline.fromPretrained(MODEL);
      const maskImage = fitted(half(), { size, channels: 1, fit: "crop", ground: null });
      const [masked] = await part.generateImages({ ...CALL, image: whole, maskImage });
      await part.close();
      const given = await seen(picture(1));
      expectSame(given, masked);

      await page
        .getByRole("group", { name: "from an image" })
        .getByRole("button", { name: "left half" })
        .click();
      await page.getByLabel(/^seed$/).fill("4");
      await drawn();
      await page.getByLabel(/^seed$/).fill("3");
      await drawn();
      // The mask's file is the left half too.
      await expect.poll(() => seen(picture(1))).toEqual(given);
      await page.getByRole("button", { name: "without the image" }).click();
      await drawn();
      await expect.poll(() => seen(picture(1))).not.toEqual(given);
    },
    PATIENCE,
  );

  test(
    "takes an image that is dropped, also with Stable Diffusion XL",
    async () => {
      await begin("xl");
      await drawn();
      const whole = await seen(picture(1));
      const bytes = [...(await readFile(work.path("photo.png")))];
      const dropped = await page.evaluateHandle((given) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(given)], "photo.png", { type: "image/png" }));
        return transfer;
      }, bytes);
      await page.locator(".dropping").dispatchEvent("drop", { dataTransfer: dropped });
      await page.getByText("(photo.png given)").waitFor();
      await page.getByLabel("strength").fill("0.5");
      await drawn();
      const near = await seen(picture(1, 2));
      expect(near).not.toEqual(whole);
      const part = page.getByRole("group", { name: "from an image" }).getByRole("button", { name: "middle" });
      await part.click();
      await drawn();
      await expect.poll(() => seen(picture(1, 2))).not.toEqual(near);
    },
    PATIENCE,
  );

  test(
    "paints by hand what of a drawn picture is drawn anew",
    async () => {
      await begin();
      await drawn();
      const before = await seen(picture(1));
      await page.getByText("draw a part anew").click();
      const brush = page.getByRole("img", { name: "what is drawn anew" });
      await brush.scrollIntoViewIfNeeded();
      const { x, y, width } = (await brush.boundingBox()) ?? { x: 0, y: 0, width: 0 };
      await page.mouse.move(x + 0.3 * width, y + 0.3 * width);
      await page.mouse.down();
      await page.mouse.move(x + 0.6 * width, y + 0.5 * width, { steps: 5 });
      await page.mouse.up();
      await page.getByLabel(/^prompt/).fill("a cat");
      await page.getByRole("button", { name: "draw it anew" }).click();
      await expect.poll(() => seen(picture(1))).not.toEqual(before);
      await page.getByText(/^drawn in/).waitFor();
    },
    PATIENCE,
  );

  test(
    "draws with LoRAs of the folder and of this computer, and without them as before",
    async () => {
      await begin();
      await drawn();
      const without = await seen(picture(1));
      await page.getByText(/^LoRAs/).click();
      await page.getByLabel("style.safetensors", { exact: true }).check();
      await page.getByLabel("weight of style.safetensors").fill("0.7");
      await drawn();
      const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
      await pipeline.loadLoraWeights(STYLE, { weight: 0.7 });
      const [image] = await pipeline.generateImages(CALL);
      await pipeline.close();
      await expect.poll(() => seen(picture(1))).not.toEqual(without);
      expectSame(await seen(picture(1)), image);
      await page.getByLabel("style.safetensors", { exact: true }).uncheck();
      await drawn();
      await expect.poll(() => seen(picture(1))).toEqual(without);
      await page
        .getByLabel("a LoRA of this computer")
        .setInputFiles(fixture("stable_diffusion/lora/kohya.safetensors"));
      await drawn();
      await expect.poll(() => seen(picture(1))).not.toEqual(without);
      await page
        .getByLabel("a LoRA of this computer")
        .setInputFiles(`${MODEL}/vae/diffusion_pytorch_model.safetensors`);
      await drawButton().click();
      await page.getByRole("alert").filter({ hasText: "is of no LoRA" }).waitFor();
      await page.getByLabel("diffusion_pytorch_model.safetensors", { exact: true }).uncheck();
      await page.getByLabel("kohya.safetensors", { exact: true }).uncheck();
      await drawn();
      await expect.poll(() => seen(picture(1))).toEqual(without);
    },
    PATIENCE,
  );

  test(
    "says what is wrong with what is given, in one line",
    async () => {
      await begin();
      const whole = await readFile(work.path("photo.png"));
      await writeFile(work.path("cut.png"), whole.subarray(0, whole.length / 2));
      await writeFile(work.path("notes.png"), "no image");
      await writeFile(work.path("huge.png"), hugeHeader(whole));
      await writeFile(work.path("long.png"), Buffer.concat([whole, Buffer.alloc(2 ** 26)]));
      for (const [file, told] of [
        ["cut.png", "cut.png: damaged or cut short; expected a PNG, JPEG or WebP"],
        ["notes.png", "notes.png: "],
        ["huge.png", "huge.png: "],
        ["long.png", "expected an image of at most 67108864"],
      ]) {
        for (const label of ["an image to start from", "or a mask"]) {
          if (label === "or a mask") {
            await page.getByLabel("an image to start from").setInputFiles(work.path("photo.png"));
          }
          await page.getByLabel(label).setInputFiles(work.path(file));
          await page.getByRole("alert").filter({ hasText: told }).waitFor();
          await page.getByRole("button", { name: "dismiss" }).click();
        }
        await page.getByRole("button", { name: "without the image" }).click();
      }
      for (const [label, value, told] of [
        [/^size/, "many", "the size is no number of pixels"],
        [/^size/, "100000", "the size is no number of pixels"],
        [/^size/, "9", "is 9, expected a multiple of"],
      ] as const) {
        await page.getByLabel(label).fill(value);
        await drawButton().click();
        await page.getByRole("alert").filter({ hasText: told }).waitFor();
      }
      await page.getByLabel(/^size/).fill("");
      await page.getByLabel("an image to start from").setInputFiles(work.path("photo.png"));
      await page.getByLabel("strength").fill("2");
      await drawButton().click();
      await page.getByRole("alert").filter({ hasText: "strength is 2" }).waitFor();
      await page.getByLabel(/^prompt/).fill("");
      await drawButton().click();
      await page.getByRole("alert").filter({ hasText: "write a prompt" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "hinders nobody, in light and dark, and on a phone",
    async () => {
      await expectNoHindrance(page, "a prompt and an image", async () => {
        await begin();
        await page.getByLabel("an image to start from").setInputFiles(work.path("photo.png"));
        await page.getByText(/^LoRAs/).click();
        await page.getByLabel("style.safetensors", { exact: true }).check();
        await drawn();
      });
    },
    PATIENCE,
  );

  test("has no error in its console but files that a model may have", () => {
    const absent = /status of 404 \(Not Found\) \S+\/api\/models\/files\//;
    expect(studio.problems.filter((problem) => !absent.test(problem))).toEqual([]);
  });
});

/** A gradient, wider than it is high. */
function photo(): Pixels {
  const [width, height] = [48, 32];
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return [5 * x, 7 * y, 128][i % 3];
  });
  return { width, height, channels: 3, data };
}

/** The left half of it. */
function half(): Pixels {
  const [width, height] = [48, 32];
  const data = Uint8Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? 255 : 0));
  return { width, height, channels: 1, data };
}

/** A PNG file that says that it is of more pixels than anything holds. */
function hugeHeader(png: Buffer): Buffer {
  const huge = Buffer.from(png);
  huge.writeUInt32BE(100_000, 16);
  huge.writeUInt32BE(100_000, 20);
  return huge;
}
