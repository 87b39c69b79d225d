// imago sample with models of latents under MPI's launchers: any number of processes draws the same pictures as one.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { writeImage } from "../../src/io/image/index.ts";
import { said } from "../cli/support.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";
import { describeMpi } from "../support/mpi.ts";
import { startJob } from "../support/mpi_jobs.ts";

const folder = testFolder();
const ofModel = (name: string) => fixture(`stable_diffusion/${name}`);
const PROMPTS = ["--prompt", "a castle", "--prompt", "a cat", "--prompt", "the sea"];
const SIZE = ["--size", "16x16"];

const KINDS: Readonly<Record<string, (image: string) => readonly string[]>> = {
  text: () => [ofModel("pipeline"), ...PROMPTS, ...SIZE],
  "from an image": (image) => [ofModel("pipeline"), ...PROMPTS, ...SIZE, "--image", image],
  inpainting: (image) => [ofModel("pipeline"), ...PROMPTS, ...SIZE, "--image", image, "--mask", image],
  LoRA: () => [
    ofModel("pipeline"),
    ...PROMPTS,
    ...SIZE,
    "--lora",
    `${ofModel("lora/kohya")}.safetensors:0.7`,
  ],
  "no prompts": () => [ofModel("pipeline_ldm")],
};

beforeAll(async () => {
  const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 37) % 256);
  await writeImage(folder("photo.png"), { width: 16, height: 16, channels: 3, data });
});

describeMpi("imago sample", (launcher) => {
  test.each(Object.entries(KINDS))("%s: the same bytes as alone", async (kind, optionsWith) => {
    const args = (out: string) => [
      ...["sample", ...optionsWith(folder("photo.png")), "--count", "4", "--steps", "2", "--seed", "7"],
      ...["--backend", "wasm", "--force", "--out", out],
    ];
    const alone = folder(`${kind}.png`);
    await said(args(alone));
    for (const ranks of [2, 3]) {
      const out = folder(`${launcher.name} ${kind} ${ranks}.png`);
      const { code, stdout, stderr } = await startJob(launcher, ranks, ["imago.ts", ...args(out)]).end;
      expect(code, stderr).toBe(0);
      expect(stdout.match(/4 images in .*/g), stdout).toEqual([expect.stringContaining(basename(out))]);
      expect(await readFile(out, "base64")).toBe(await readFile(alone, "base64"));
    }
  });

  test.each([
    [["--cuont", "4"], "unknown option '--cuont'"],
    [["--film-frames", "3"], "--film-frames is of --film"],
  ])("%j, which all processes refuse, is said once", async (flags, line) => {
    const { code, stderr } = await startJob(launcher, 2, ["imago.ts", "sample", "none", ...flags]).end;
    expect(code, stderr).toBe(2);
    expect(stderr.match(/^imago: .*/gm), stderr).toEqual([expect.stringContaining(line)]);
  });
});
