// imago sample with models of latents that see classes: diffusion transformers, and LDMPipeline with a UNet of classes.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { createBackend } from "../../src/engine/backends/create.ts";
import { writeModel } from "../../src/pipelines/components.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { DiTPipeline } from "../../src/pipelines/dit_pipeline.ts";
import { LDMPipeline } from "../../src/pipelines/ldm_pipeline.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { fixture } from "../support/golden.ts";
import { failure, imago, workFolder } from "./support.ts";

const DIT = fixture("dit/pipeline");
const work = workFolder();

/** Draws a sheet, and each image for itself. */
const draw = (model: string, name: string, ...more: string[]) =>
  imago("sample", model, ...more, "--out", work.path(`${name}.png`), "--each", work.path(name), "--json");
const image = async (file: string) => new Uint8Array(await sharp(work.path(file)).raw().toBuffer());

describe("a diffusion transformer", () => {
  const how = ["--steps", "2", "--seed", "4", "--scheduler", "ddim"];

  test("draws classes by name and number, and tells them", async () => {
    const asked = ["--class", "golden retriever, 1", "--count", "4", "--guidance", "3"];
    const { code, stdout } = await draw(DIT, "dogs", ...how, ...asked);
    expect(code).toBe(0);
    const names = ["golden retriever", "goldfish, Carassius auratus"];
    expect(JSON.parse(stdout)).toMatchObject({ classes: [...names, ...names], guidance: 3, steps: 2 });
    const pipeline = await DiTPipeline.fromPretrained(DIT);
    const drawn = await pipeline.generateImages({
      ...{ count: 4, steps: 2, seed: 4, scheduler: "ddim" },
      ...{ classLabels: [207, 1], guidanceScale: 3 },
    });
    await pipeline.close();
    expect(await image("dogs/0003.png")).toEqual(drawn[3].data);
  });

  test("is guided by 4 where nothing is said, by nothing at 0, and always of a class", async () => {
    const one = [...how, "--class", "tench, Tinca tinca", "--count", "1"];
    const said = await draw(DIT, "usual", ...one);
    expect(JSON.parse(said.stdout)).toMatchObject({ classes: ["tench, Tinca tinca"], guidance: 4 });
    await draw(DIT, "four", ...one, "--guidance", "4");
    expect(await image("usual/0000.png")).toEqual(await image("four/0000.png"));
    const none = await draw(DIT, "zero", ...one, "--guidance", "0");
    expect(JSON.parse(none.stdout)).toMatchObject({ classes: ["tench, Tinca tinca"], guidance: 0 });
    await draw(DIT, "one", ...one, "--guidance", "1");
    expect(await image("zero/0000.png")).toEqual(await image("one/0000.png"));
    expect(await image("zero/0000.png")).not.toEqual(await image("four/0000.png"));
  });

  test("draws diffusers' pictures at its seeds", async () => {
    const [row] = JSON.parse(await readFile(fixture("dit/pictures.json"), "utf8"));
    const expected = Buffer.from(row.pixels, "base64");
    const asked = ["--class", row.options.class_labels.join(), "--count", "3", "--steps", "6", "--seed", "7"];
    expect((await draw(DIT, "torch", ...asked, "--seed-compat", "torch")).code).toBe(0);
    const drawn = await image("torch/0001.png");
    const second = expected.subarray(drawn.length, 2 * drawn.length);
    const near = drawn.filter((x, i) => Math.abs(x - second[i]) <= 1);
    expect(near.length / drawn.length).toBeGreaterThanOrEqual(0.999);
  });

  test("shows how an image came out of the noise", async () => {
    const film = work.path("film.png");
    const asked = [...how, "--class", "1", "--count", "2", "--film", film];
    expect((await draw(DIT, "filmed", ...asked)).code).toBe(0);
    const { width, height } = await sharp(film).metadata();
    // Two in a row, each of 128 pixels, with margins of 4.
    expect([width, height]).toEqual([268, 136]);
    expect((await readFile(film)).includes("acTL")).toBe(true);
  });

  test("what it does not do is refused in one line", async () => {
    const none = ["--out", work.path("none.png")];
    for (const [args, message] of [
      [["--prompt", "a dog"], "--prompt is for models that draw what a prompt says, which "],
      [["--class", "tabby"], 'there is no class "tabby"; of the model\'s 10 names the nearest are: '],
      [["--class", "1000"], "there is no class 1000; the model has the classes 0 to 999"],
      [
        ["--class", "1", "--guidance", "1", "--guidance-rescale", "0.5"],
        "counts beside a guidance scale above 1",
      ],
    ] as const) {
      const { code, line } = await failure(["sample", DIT, ...args, ...none]);
      expect(line).toContain(message);
      expect(line).not.toContain("\n");
      expect(code).toBe(2);
    }
  });
});

describe("an LDMPipeline with a UNet of classes", () => {
  const id2label = { 0: "azure", 1: "orange-tip, flambé", 2: "tiger" };
  const unet = tinyUNet(0, { numClassEmbeds: 4 });
  let folder: string;
  let backend: Backend;
  let pipeline: LDMPipeline;
  beforeAll(async () => {
    backend = await createBackend({ backend: "wasm", threads: 1 });
    folder = work.path("latents");
    await cp(fixture("stable_diffusion/pipeline_ldm"), folder, { recursive: true });
    await writeModel(join(folder, "unet"), unet, unet.stateDict());
    const index = join(folder, "model_index.json");
    await writeFile(index, JSON.stringify({ ...JSON.parse(await readFile(index, "utf8")), id2label }));
    pipeline = await LDMPipeline.fromPretrained(folder, { backend });
  });
  afterAll(() => backend.close());
  const asked = { count: 3, steps: 2, seed: 5, scheduler: "ddim" } as const;

  test("draws classes, guided, as DDPMPipeline does with the same autoencoder", async () => {
    expect(pipeline.classes).toMatchObject({ count: 3, nullClass: 3, id2label });
    const { scheduler, codec } = pipeline;
    const other = new DDPMPipeline(unet, scheduler, { codec, id2label, backend });
    const drawn = [];
    for (const guidanceScale of [1, 3]) {
      const call = { ...asked, classLabels: ["tiger", "flambé"], guidanceScale };
      drawn.push(await pipeline.generate(call));
      expect(await other.generate(call)).toEqual(drawn.at(-1));
    }
    expect(drawn[0]).not.toEqual(drawn[1]);
    expect(await pipeline.generate({ ...asked, classLabels: "azure" })).not.toEqual(drawn[0]);
  });

  test("and so does the command", async () => {
    const how = ["--steps", "2", "--seed", "5", "--scheduler", "ddim", "--count", "3"];
    const { code, stdout } = await draw(
      folder,
      "tigers",
      ...how,
      "--class",
      "tiger,azure",
      "--guidance",
      "3",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ classes: ["tiger", "azure", "tiger"], guidance: 3 });
    const expected = await pipeline.generateImages({ ...asked, classLabels: [2, 0], guidanceScale: 3 });
    expect(await image("tigers/0001.png")).toEqual(expected[1].data);
  });

  test("without names it draws by number, and is not guided", async () => {
    const { scheduler, codec } = pipeline;
    const nameless = new LDMPipeline({ unet, scheduler, codec }, { backend });
    const call = { ...asked, classLabels: 2 };
    expect(await nameless.generate(call)).toEqual(await pipeline.generate({ ...call, classLabels: "tiger" }));
    await expect(nameless.generate({ ...call, guidanceScale: 2 })).rejects.toThrow(
      "the model was not trained without classes, which guidance compares with",
    );
  });
});
