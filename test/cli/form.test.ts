// Images of any shape and channels through every command: gray, RGB, transparent, squares and rectangles.

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { openImages, synthetic } from "../../src/index.ts";
import { type Channels, decodeImage, encodePng, imageGrid } from "../../src/io/image/index.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";
import { failure, said, workFolder } from "./support.ts";

const work = workFolder();
const SMALL = [
  "--steps",
  "2",
  "--batch-size",
  "2",
  "--sample-steps",
  "1",
  "--sample-count",
  "2",
  "--warmup-steps",
  "0",
];
const config = async (run: string) => JSON.parse(await readFile(work.path(`${run}/config.json`), "utf8"));
const picture = async (file: string) => decodeImage(await readFile(work.path(file)));

/** Four images of 20 x 12; transparent ones have a corner that is. */
async function folder(name: string, channels: Channels): Promise<string> {
  await mkdir(work.path(name), { recursive: true });
  for (let k = 0; k < 4; k++) {
    const data = Uint8Array.from({ length: 20 * 12 * channels }, (_, i) => {
      if (channels === 4 && i % 4 === 3) return i < 4 * 50 ? 0 : 255;
      return (i * (k + 7)) % 256;
    });
    await writeFile(work.path(`${name}/${k}.png`), await encodePng(data, 20, 12, channels));
  }
  return work.path(name);
}
const model = async (name: string, more: object) => {
  await writeFile(work.path(name), JSON.stringify({ ...TINY_UNET, ...more }));
  return work.path(name);
};
/** Any number of channels: that of the data. */
let open: string;
const data = new Map<Channels, string>();
beforeAll(async () => {
  for (const channels of [1, 3, 4] as const) data.set(channels, await folder(`of-${channels}`, channels));
  open = await model("one.json", { in_channels: 1, out_channels: 1, sample_size: [12, 8] });
});

describe.each([1, 3, 4] as const)("images of %i channels", (channels) => {
  const run = `run-${channels}`;
  test("are learnt and drawn as such, without being asked for", async () => {
    const own = await model(`${channels}.json`, {
      in_channels: channels,
      out_channels: channels,
      sample_size: [12, 8],
    });
    const source = data.get(channels) ?? "";
    const { stderr, stdout } = await said([
      "train",
      "--model",
      own,
      "--data",
      source,
      ...SMALL,
      "--out",
      work.path(run),
    ]);
    expect(stdout + stderr).toContain("they are read as 8 x 12 pixels of ");
    const { model: made, data: read } = await config(run);
    expect([made.in_channels, made.sample_size]).toEqual([channels, [12, 8]]);
    expect([read.size, read.channels ?? 3]).toEqual([{ width: 8, height: 12 }, channels]);
    const grid = await picture(`${run}/samples.png`);
    expect(grid.fileChannels).toBe(channels);
    const each = work.path(`each-${channels}`);
    await said([
      "sample",
      work.path(run),
      "--count",
      "2",
      "--steps",
      "1",
      "--each",
      each,
      "--out",
      work.path(`${run}.png`),
    ]);
    const one = await picture(`each-${channels}/0000.png`);
    expect([one.width, one.height, one.fileChannels]).toEqual([8, 12, channels]);
    // A mask of white keeps the whole image, transparent or not.
    const white = work.path("white.png");
    await writeFile(white, await encodePng(new Uint8Array(8 * 12).fill(255), 8, 12, 1));
    const completed = ["--image", `${each}/0000.png`, "--mask", white, "--steps", "2", "--count", "1"];
    const again = work.path(`again-${channels}`);
    await said([
      "sample",
      work.path(run),
      ...completed,
      "--each",
      again,
      "--out",
      work.path(`re-${channels}.png`),
    ]);
    const kept = await picture(`again-${channels}/0000.png`);
    expect([kept.fileChannels, [...kept.data]]).toEqual([channels, [...one.data]]);
    const { stdout: report } = await said(["eval", work.path(run), "--count", "2", "--steps", "1", "--json"]);
    expect(JSON.parse(report.trim().split("\n").at(-1) ?? "").numbers.patch_fd).toBeGreaterThan(0);
    await said([
      "train",
      "--init",
      work.path(run),
      ...SMALL,
      "--out",
      work.path(`${run}-init`),
      "--data",
      source,
    ]);
    expect((await config(`${run}-init`)).data).toEqual(read);
  });

  test("a preset's model takes them", async () => {
    const preview = work.path(`preview-${channels}.png`);
    const form = ["--size", "8x16", "--fit", "pad"];
    await said(["data", "preview", data.get(channels) ?? "", ...form, "--out", preview]);
    expect((await picture(`preview-${channels}.png`)).fileChannels).toBe(channels);
    const { stdout } = await said(["data", "info", data.get(channels) ?? "", ...form, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ channels, size: { width: 8, height: 16 } });
  });
});

test("channels that are asked for replace those of the originals", async () => {
  const [asRgb, asGray, auto] = await Promise.all(
    ([3, 1, "auto"] as const).map((channels) => openImages(data.get(4) ?? "", { size: 8, channels })),
  );
  expect([asRgb.channels, asGray.channels, auto.channels]).toEqual([3, 1, 4]);
  expect(new Set([asRgb, asGray, auto].map((images) => images.fingerprint())).size).toBe(3);
  const onBlack = await openImages(data.get(4) ?? "", { size: 8, ground: "#000000" });
  expect(onBlack.image(0)).not.toEqual(asRgb.image(0));
});

test("a folder of mostly opaque images is RGB, one of gray and colour too", async () => {
  const mixed = work.path("mixed");
  await mkdir(mixed);
  for (const [i, channels] of ([1, 3, 3, 4] as const).entries()) {
    await writeFile(`${mixed}/${i}.png`, await readFile(`${data.get(channels)}/0.png`));
  }
  expect((await openImages(mixed, { size: 8, channels: "auto" })).channels).toBe(3);
});

test("drawn butterflies have no ground where they are transparent", () => {
  const wide = synthetic({ size: { width: 32, height: 24 }, channels: 4 });
  const plain = synthetic({ size: 24 });
  const [rgba, rgb] = [wide.image(3), plain.image(3)];
  for (let y = 0; y < 24; y++) {
    for (let x = 0; x < 32; x++) {
      const at = (y * 32 + x) * 4;
      const alpha = rgba[at + 3];
      if (x < 4 || x >= 28) expect(alpha).toBe(0);
      else {
        // On white they are what they always were.
        for (let c = 0; c < 3; c++) {
          const seen = (rgba[at + c] * alpha + 255 * (255 - alpha)) / 255;
          expect(Math.abs(seen - rgb[(y * 24 + x - 4) * 3 + c])).toBeLessThan(2);
        }
      }
    }
  }
  expect(imageGrid([{ ...wide.size, data: rgba, channels: 4 }]).channels).toBe(4);
});

test.each([
  [["--channels", "3"], "--channels 3: the model of ONE takes images of 1 channel"],
  [["--size", "7x12"], "images of 7 x 12 do not fit the model, which halves them once"],
  [["--size", "12x"], '--size is "12x"; expected a side from 1 to 4096, or width and height such as 96x128'],
  [["--ground", "red"], '--ground is "red"; expected a colour such as "#ffffff"'],
  [["--channels", "2"], '--channels is "2"; expected auto, 1, 3 or 4'],
  [["--patch-size", "2"], "a model of 1 channels does not see patches of 2 x 2"],
])("%j and a model that does not fit are one line, before data are read", async (flags, message) => {
  const source = ["--data", work.path("nowhere")];
  const { code, line } = await failure([
    "train",
    "--model",
    open,
    ...source,
    "--out",
    work.path("never"),
    ...flags,
  ]);
  expect(line).toContain(message.replace("ONE", open));
  expect(code).toBe(2);
  expect(existsSync(work.path("never"))).toBe(false);
});

test("a run that exists keeps the form of its images", async () => {
  const again = ["train", "--out", work.path("run-1"), "--resume"];
  expect((await failure([...again, "--size", "16"])).line).toMatch(/image size .* now it is 16/);
  expect((await failure([...again, "--channels", "4"])).line).toContain("takes images of 1 channel");
  expect((await failure([...again, "--fit", "pad"])).line).toContain("was begun with");
});
