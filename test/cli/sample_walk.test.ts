// imago sample: walks between seeds, films, sheets with margins and captions.

import { readdir, readFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { failure, said, workFolder } from "./support.ts";

const work = workFolder();
let model = "";
let classes = "";
beforeAll(async () => {
  model = work.path("pipeline");
  classes = work.path("classes");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(model);
  const id2label = { 0: "admiral", 1: "blue" };
  const unet = tinyUNet(0, { numClassEmbeds: 2 });
  await new DDPMPipeline(unet, new DDPMScheduler(), { id2label }).savePretrained(classes);
});

/** Draws, and returns the last line of --json. */
async function drawn(source: string, ...more: string[]): Promise<unknown> {
  const { stdout } = await said(["sample", source, "--steps", "3", "--threads", "1", "--json", ...more]);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

/** The pixels of a page of an image file. */
const pixels = (file: string, page = 0) => sharp(file, { page }).flatten().raw().toBuffer();
const about = (file: string) => sharp(file, { pages: -1 }).metadata();

const TILE = 8 * 16;

test("a walk goes through the pictures of its seeds, and each frame is the same in any batch", async () => {
  const out = work.path("walk.webp");
  const walk = ["--walk", "3,7,12", "--walk-frames", "2", "--batch-size", "4"];
  const done = await drawn(model, ...walk, "--out", out, "--each", work.path("frames"));
  expect(done).toMatchObject({ event: "done", out, count: 6, walk: [3, 7, 12], frames: 6 });
  expect(done).not.toHaveProperty("seed");
  expect(await about(out)).toMatchObject({ pages: 6, loop: 0, width: TILE + 8, pageHeight: TILE + 8 });
  expect((await readdir(work.path("frames"))).length).toBe(6);
  for (const [i, seed] of [3, 7, 12].entries()) {
    const alone = work.path(`seed-${seed}.png`);
    await drawn(model, "--count", "1", "--seed", `${seed}`, "--out", alone);
    expect(await pixels(out, 2 * i)).toEqual(await pixels(alone));
  }
  expect(await pixels(out, 1)).not.toEqual(await pixels(out, 0));
  await drawn(model, ...walk.slice(0, 4), "--out", work.path("again.webp"));
  expect(await readFile(work.path("again.webp"))).toEqual(await readFile(out));
});

test("several walkers keep their classes; a walk is written as PNG and GIF too", async () => {
  const walk = ["--walk", "1,2", "--walk-frames", "2", "--count", "3", "--captions", "class"];
  const out = work.path("walkers.gif");
  const done = await drawn(classes, ...walk, "--out", out, "--each", work.path("walkers"));
  expect(done).toMatchObject({ count: 12, frames: 4, classes: ["admiral", "blue", "admiral"] });
  expect(await about(out)).toMatchObject({ format: "gif", pages: 4, loop: 0 });
  await drawn(
    classes,
    "--count",
    "3",
    "--seed",
    "2",
    "--out",
    work.path("sheet.png"),
    "--each",
    work.path("seed-2"),
  );
  for (const k of [0, 1, 2]) {
    const alone = await pixels(work.path(`seed-2/000${k}.png`));
    expect(await pixels(work.path(`walkers/000${6 + k}.png`))).toEqual(alone);
  }
  await drawn(classes, ...walk, "--class", "blue", "--out", work.path("walkers.png"));
  expect((await readFile(work.path("walkers.png"))).includes("acTL")).toBe(true);
});

test("films in every format, and their strip", async () => {
  const strip = work.path("strip.jpg");
  for (const [name, frames] of [
    ["film.webp", 3],
    ["film.gif", 2],
  ] as const) {
    const more = ["--film", work.path(name), "--film-frames", `${frames}`, "--film-strip", strip, "--force"];
    await drawn(model, "--count", "1", "--out", work.path("filmed.png"), ...more);
    const expected = { pages: frames, loop: 0, width: 2 * TILE + 12, pageHeight: TILE + 8 };
    expect(await about(work.path(name))).toMatchObject(expected);
    const delays = (await about(work.path(name))).delay;
    expect(delays?.at(-1)).toBeGreaterThan(1000);
  }
  // On its right the last frame shows the predicted image, which is the picture.
  expect(await about(strip)).toMatchObject({ width: 3 * (TILE + 4) + 4, height: 2 * (TILE + 4) + 4 });
  await drawn(model, "--count", "1", "--out", work.path("p.png"), "--film", work.path("film.png"));
  expect((await readFile(work.path("film.png"))).includes("acTL")).toBe(true);
});

test("sheets with margins and captions", async () => {
  const size = async (source: string, ...more: string[]) => {
    const out = work.path("captioned.png");
    await drawn(source, "--count", "2", "--out", out, "--force", ...more);
    const { width, height } = await about(out);
    return [width, height];
  };
  const width = 2 * TILE + 4;
  expect(await size(model, "--margin", "20")).toEqual([width + 40, TILE + 40]);
  expect(await size(model, "--margin", "0")).toEqual([width, TILE]);
  for (const [source, captions] of [
    [model, "index"],
    [model, "seed"],
    [classes, "class"],
  ] as const) {
    expect(await size(source, "--captions", captions)).toEqual([width + 8, TILE + 20 + 8]);
  }
});

test("what does not go together is one line, before anything is drawn", async () => {
  const walk = ["--walk", "3,7"];
  for (const [args, message] of [
    [["--walk", "3"], '--walk is "3"; expected 2 to 1000 whole numbers with commas, such as 3,7,12'],
    [["--walk", "3,-7"], '--walk is "3,-7"'],
    [["--walk", "3,,7"], '--walk is "3,,7"'],
    [["--walk", "3,9007199254740993"], "whole numbers"],
    [[...walk, "--seed", "0"], "--walk and --seed both name seeds; leave out --seed"],
    [[...walk, "--seed-compat", "torch"], "leave out --seed-compat"],
    [
      [...walk, "--out", work.path("w.jpg")],
      "a walk is animated; expected a file name that ends in .webp, .gif or .png",
    ],
    [["--out", work.path("w.gif")], "a sheet is written as .png, .jpg or .webp"],
    [[...walk, "--captions", "seed"], "the images of a walk are between seeds; choose index or class"],
    [
      [...walk, "--scheduler", "adaptive"],
      "--walk does not go with adaptive, which chooses steps for each image",
    ],
    [[...walk, "--scheduler", "dpm++-sde"], "add --scheduler-option noise_sampler_seed=1"],
    [["--walk-frames", "3"], "--walk-frames is of --walk; give both or neither"],
    [["--film-frames", "3"], "--film-frames is of --film; give both or neither"],
    [["--film-frames", "1"], '--film-frames is "1"; expected a whole number from 2'],
    [["--captions", "class"], "--captions class: the images are of no class; choose seed or index"],
    [["--margin", "-1"], '--margin is "-1"'],
    [
      [...walk, "--walk-frames", "1000", "--count", "9"],
      "--walk: 2000 frames of 400 x 400 are too large for one file",
    ],
    [
      ["--film", work.path("x.png"), "--film-strip", work.path("x.png")],
      "--film-strip and --film name the same file",
    ],
  ] as const) {
    const out = args.some((arg) => arg === "--out") ? [] : ["--out", work.path("none.webp")];
    const { code, line } = await failure(["sample", model, ...args, ...out]);
    expect(line).toContain(message);
    expect(code).toBe(2);
  }
  expect(await readdir(work.path(""))).not.toContain("none.webp");
  const seeded = [
    "--scheduler",
    "dpm++-sde",
    "--scheduler-option",
    "noise_sampler_seed=1",
    "--walk-frames",
    "1",
  ];
  await drawn(model, ...walk, ...seeded, "--out", work.path("seeded.webp"));
});
