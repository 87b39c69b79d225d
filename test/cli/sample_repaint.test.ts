// imago sample with an image whose masked part is redrawn.

import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { encodePng } from "../../src/io/image/index.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DDPMScheduler } from "../../src/schedulers/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { failure, imago, workFolder } from "./support.ts";

const work = workFolder();
const [WIDTH, HEIGHT] = [24, 16];
let given: string[];
let model: string;

/** A picture whose grey levels are a function of the place. */
async function picture(name: string, levelOf: (x: number, y: number) => number): Promise<string> {
  const data = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return levelOf(pixel % WIDTH, Math.floor(pixel / WIDTH));
  });
  const file = work.path(name);
  await writeFile(file, await encodePng(data, WIDTH, HEIGHT));
  return file;
}

beforeAll(async () => {
  model = work.path("pipeline");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(model);
  const image = await picture("image.png", () => 200);
  const mask = await picture("mask.png", (x) => (x < WIDTH / 2 ? 255 : 0));
  given = ["--image", image, "--mask", mask];
});

test("keeps the light part of an image of any size, and draws the rest, each time another", async () => {
  const jumps = ["--steps", "12", "--jump-length", "3", "--jump-n-sample", "2"];
  const files = [
    "--each",
    work.path("each"),
    "--film-strip",
    work.path("film.png"),
    "--out",
    work.path("a.png"),
  ];
  const said = await imago("sample", model, ...given, ...jumps, "--count", "2", ...files, "--json");
  expect(said).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(said.stdout)).toMatchObject({ event: "done", scheduler: "repaint", steps: 12, count: 2 });
  const [first, second] = await Promise.all(
    ["0000", "0001"].map((name) =>
      sharp(work.path(`each/${name}.png`))
        .raw()
        .toBuffer(),
    ),
  );
  const values = Array.from({ length: 8 * 8 * 3 }, (_, i) => i);
  const isKept = (i: number) => Math.floor(i / 3) % 8 < 4;
  expect(values.filter((i) => isKept(i) && (first[i] !== 200 || second[i] !== 200))).toEqual([]);
  expect(values.filter((i) => !isKept(i) && first[i] !== second[i]).length).toBeGreaterThan(48);
  const { width } = await sharp(work.path("film.png")).metadata();
  expect(width).toBe(10 * (8 * 16 + 4) + 4);
  const again = ["--scheduler", "repaint", "--batch-size", "1", "--out", work.path("b.png")];
  await imago("sample", model, ...given, ...jumps, "--count", "2", ...again);
  expect(await readFile(work.path("b.png"))).toEqual(await readFile(work.path("a.png")));
});

test("what is missing or out of place is told in one line", async () => {
  const [, image, , mask] = given;
  const text = work.path("text.txt");
  await writeFile(text, "no image");
  for (const [args, message] of [
    [["--image", image], "--mask is missing: repaint takes --image FILE and --mask FILE"],
    [["--mask", mask], "--image is missing: repaint takes"],
    [["--scheduler", "repaint"], "--image is missing: repaint takes"],
    [["--scheduler", "euler", "--image", image], "--image counts for repaint, not for euler; leave it out"],
    [
      ["--jump-length", "3"],
      "--jump-length counts for repaint, give --image and --mask too, or leave it out",
    ],
    [[...given, "--snr", "0.1"], "--snr counts for pc, not for repaint"],
    [["--image", text, "--mask", mask], `--image ${text}: not an image; expected a JPEG`],
    [["--image", work.path("none"), "--mask", mask], "cannot read --image: no such file"],
    [[...given, "--steps", "1001"], "numInferenceSteps is 1001"],
  ] as const) {
    const { code, line } = await failure(["sample", model, ...args, "--out", work.path("none.png")]);
    expect(line).toContain(message);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  }
});
