// What holds of pictures that start from images, with any scheduler and in any batch; what is refused; and which folders
// each class of pipelines loads. Their pixels are held against diffusers' in stable_diffusion_starts.test.ts.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import type { Pixels } from "../../src/io/image/index.ts";
import { UNet2DConditionModel } from "../../src/models/unet_2d_condition_model.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { STABLE_DIFFUSION } from "../../src/pipelines/families.ts";
import { readPipelineOf } from "../../src/pipelines/folders.ts";
import { LDMPipeline } from "../../src/pipelines/ldm_pipeline.ts";
import { loadPipeline } from "../../src/pipelines/load_pipeline.ts";
import {
  type StableDiffusionImg2ImgOptions,
  StableDiffusionImg2ImgPipeline,
} from "../../src/pipelines/stable_diffusion_img2img_pipeline.ts";
import {
  type StableDiffusionInpaintOptions,
  StableDiffusionInpaintPipeline,
} from "../../src/pipelines/stable_diffusion_inpaint_pipeline.ts";
import { readStableDiffusion } from "../../src/pipelines/stable_diffusion_parts.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { StableDiffusionXLImg2ImgPipeline } from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import {
  type StableDiffusionXLOptions,
  StableDiffusionXLPipeline,
} from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { schedulerNames } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";

const BASE = fixture("stable_diffusion/pipeline");
const folder = testFolder();
const backend = new WasmBackend({ threads: 1 });
afterAll(() => backend.close());

/** A copy of the base folder with others over it. @param change of model_index.json */
async function folderOf(name: string, overlay?: string, change: object = {}): Promise<string> {
  const path = folder(name);
  await cp(BASE, path, { recursive: true });
  if (overlay !== undefined) await cp(fixture(`stable_diffusion/${overlay}`), path, { recursive: true });
  const index = JSON.parse(await readFile(join(path, "model_index.json"), "utf8"));
  await writeFile(join(path, "model_index.json"), JSON.stringify({ ...index, ...change }));
  return path;
}

/** An image of one level, with a brighter corner at the top left. */
function picture(
  level: number,
  { width = 16, height = 16, channels = 3 as Pixels["channels"] } = {},
): Pixels {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    const isCorner = pixel % width < width / 2 && pixel < (width * height) / 2;
    data[i] = isCorner ? Math.min(level + 100, 255) : level;
  }
  return { data, width, height, channels };
}

const image = picture(90);
const call = { prompt: "a cat", image, steps: 4, seed: 3, scheduler: "ddim" } as const;

describe("from an image", async () => {
  const pipeline = await StableDiffusionImg2ImgPipeline.fromPretrained(BASE, { backend });

  test("images cycle through those given and the prompts, the same in any batch and part", async () => {
    const several = { ...call, prompt: ["a cat", "it"], image: [image, picture(30), picture(200)] };
    const all = await pipeline.generate({ ...several, count: 4 });
    expect(all.shape).toEqual([4, 16, 16, 3]);
    expect(await pipeline.generate({ ...several, count: 4, batchSize: 3 })).toEqual(all);
    const part = { firstImage: 2, count: 2 };
    const last = await pipeline.generate({ ...several, count: 4, part });
    expect(last.data).toEqual(all.data.slice(2 * 16 * 16 * 3));
    expect((await pipeline.generate(several)).data).toEqual(all.data.slice(0, 3 * 16 * 16 * 3));
  });

  test.each([undefined, "torch"] as const)("with seeds of %s, the image counts", async (seedCompat) => {
    const seeded = { ...call, ...(seedCompat && { seedCompat }), strength: 0.5 };
    const one = await pipeline.generate(seeded);
    expect(await pipeline.generate({ ...seeded, image: picture(200) })).not.toEqual(one);
    expect(await pipeline.generate(seeded)).toEqual(one);
  });

  test("a low strength takes few steps from the end, and stays near to the image", async () => {
    const seen: number[] = [];
    const onStep = ({ steps, timestep }: { steps: number; timestep: number }) => seen.push(steps, timestep);
    await pipeline.generate({ ...call, strength: 0.5, onStep });
    expect(seen).toEqual([2, 251, 2, 1]);
  });

  test("gray images and those with alpha are taken", async () => {
    for (const channels of [1, 4] as const) {
      const { shape } = await pipeline.generate({ ...call, image: picture(90, { channels }) });
      expect(shape).toEqual([1, 16, 16, 3]);
    }
  });

  // Of other kinds of models, or for parts of images by itself.
  const ofFlows = ["flow-match-euler", "flow-match-heun", "flow-match-lcm"];
  const others = ["edm-euler", "edm-dpm++", ...ofFlows, "cm", "scm", "ipndm", "sde-ve", "unclip", "repaint"];
  test.each(schedulerNames.filter((name) => !others.includes(name)))(
    "%s draws from it",
    async (scheduler) => {
      const schedulerOptions = scheduler === "pndm" ? { skipPrkSteps: true } : {};
      const drawn = { ...call, scheduler, schedulerOptions, steps: 8, strength: 0.5 };
      const { data } = await pipeline.generate(drawn);
      expect(data.every(Number.isFinite)).toBe(true);
      const other = await pipeline.generate({ ...drawn, image: picture(200) });
      expect(other.data).not.toEqual(data);
    },
  );

  test.each<[Partial<StableDiffusionImg2ImgOptions>, string]>([
    [{ strength: 0 }, "strength is 0, expected a number above 0, up to 1"],
    [{ strength: 1.1 }, "strength is 1.1, expected"],
    [{ strength: 0.2 }, "strength 0.2 leaves none of 4 steps; give more steps or a higher strength"],
    [{ image: [] }, "image: 0 images were given, expected 1 to 1000"],
    [{ image: picture(9, { width: 18 }) }, "the image's width is 18, expected a multiple of 4 up to 16384"],
    [{ image: [image, picture(9, { height: 20 })] }, "an image is 16 x 20, expected 16 x 16, as the first"],
    [
      { image: { ...image, data: new Uint8Array(3) } },
      "image: 3 bytes given, 16 x 16 of 3 channels needs 768",
    ],
    [
      { scheduler: "pndm", schedulerOptions: { skipPrkSteps: false } },
      "pndm starts within its schedule only without Runge-Kutta steps",
    ],
  ])("what does not fit is refused in one line, %#", async (wrong, message) => {
    await expect(pipeline.generate({ ...call, ...wrong })).rejects.toThrow(message);
  });
});

test("samplers that choose their own steps start from no image", async () => {
  const pipeline = await StableDiffusionImg2ImgPipeline.fromPretrained(BASE);
  expect(() => pipeline.checkOptions({ prompt: "a cat", image, scheduler: "dpm-adaptive" })).toThrow(
    "a sampler that chooses its own steps goes from noise to the image; to start or end elsewhere, give a scheduler",
  );
});

describe("inpainting", async () => {
  const pipeline = await StableDiffusionInpaintPipeline.fromPretrained(BASE, { backend });
  const maskImage = picture(0, { channels: 1 });

  test("keeps what is dark in the mask, in latents", async () => {
    let latents: Float32Array | undefined;
    const onStep = ({ sample }: { sample: { data: Float32Array } }) => {
      latents = sample.data;
    };
    const of = async (prompt: string, mask: Pixels) => {
      await pipeline.generate({ ...call, prompt, maskImage: mask, onStep });
      return latents?.slice() ?? new Float32Array();
    };
    const dark = picture(0, { channels: 1 });
    const light = { ...dark, data: dark.data.map((level) => (level === 0 ? 0 : 255)) };
    const [cat, castle] = [await of("a cat", light), await of("a castle", light)];
    // [8, 8, 4], of which the corner is drawn.
    const isDrawn = (i: number) => Math.floor(i / 4) % 8 < 4 && i < 128;
    const kept = (values: Float32Array) => values.filter((_, i) => !isDrawn(i));
    expect(kept(cat)).toEqual(kept(castle));
    expect(cat).not.toEqual(castle);
    // 100 is dark, so all is kept.
    expect(kept(await of("a cat", dark))).toEqual(kept(cat));
    expect(await of("a cat", dark)).toEqual(await of("a castle", dark));
  });

  test.each<[Partial<StableDiffusionInpaintOptions>, string]>([
    [{ maskImage: picture(0, { width: 20 }) }, "maskImage is 20 x 16, expected the image's 16 x 16"],
    [{ maskImage: [maskImage, maskImage] }, "2 masks were given for 1 images; expected one, or one for each"],
    [{ maskImage: [] }, "maskImage: 0 images were given"],
  ])("what does not fit is refused in one line, %#", async (wrong, message) => {
    await expect(pipeline.generate({ ...call, maskImage, ...wrong })).rejects.toThrow(message);
  });

  test("a model that sees the mask is for it alone", async () => {
    const path = await folderOf("nine", "pipeline_inpaint");
    expect(await loadPipeline(path, { backend })).toBeInstanceOf(StableDiffusionInpaintPipeline);
    for (const Pipeline of [StableDiffusionPipeline, StableDiffusionImg2ImgPipeline]) {
      await expect(Pipeline.fromPretrained(path)).rejects.toThrow(
        "the UNet sees 9 channels of which it predicts 4, expected 4; one that sees more than it predicts may be for inpainting",
      );
    }
  });
});

test("latents without prompts have a class of their own", async () => {
  const path = fixture("stable_diffusion/pipeline_ldm");
  const pipeline = await loadPipeline(path, { backend });
  expect(pipeline).toBeInstanceOf(LDMPipeline);
  expect(pipeline.imageSize).toEqual({ height: 32, width: 32, channels: 3 });
  await expect(DDPMPipeline.fromPretrained(path)).rejects.toThrow(
    "a pipeline of the class LDMPipeline, expected",
  );
  const { unet, scheduler } = pipeline;
  const { codec } = await readPipelineOf(STABLE_DIFFUSION, BASE);
  if (!codec || !(unet instanceof UNet2DModel)) throw new Error("not read");
  expect(() => new LDMPipeline({ unet, scheduler, codec })).toThrow(
    "a model of 3 channels does not see the 4",
  );
});

describe("Stable Diffusion XL", () => {
  test("is told by its classes", async () => {
    const path = await folderOf("xl", "pipeline_xl");
    expect(await loadPipeline(path, { backend })).toBeInstanceOf(StableDiffusionXLPipeline);
    await expect(StableDiffusionPipeline.fromPretrained(path)).rejects.toThrow(
      "a pipeline of the class StableDiffusionXLPipeline, expected a UNet2DConditionModel with",
    );
    await expect(StableDiffusionXLPipeline.fromPretrained(BASE)).rejects.toThrow(
      "a pipeline of the class StableDiffusionPipeline, expected a UNet2DConditionModel with",
    );
    const fromImages = { _class_name: "StableDiffusionXLImg2ImgPipeline" };
    const loaded = await loadPipeline(await folderOf("xl2", "pipeline_xl", fromImages), { backend });
    expect(loaded).toBeInstanceOf(StableDiffusionXLImg2ImgPipeline);
  });

  test("a UNet of the other kind is refused", async () => {
    const own = await readPipelineOf(STABLE_DIFFUSION, BASE);
    const path = await folderOf("mixed", "pipeline_xl", { _class_name: "StableDiffusionPipeline" });
    const { unet } = await StableDiffusionXLPipeline.fromPretrained(await folderOf("xl3", "pipeline_xl"));
    if (!own.codec || !own.textEncoder || !own.tokenizer) throw new Error("not read");
    const parts = { ...own, codec: own.codec, textEncoder: own.textEncoder, tokenizer: own.tokenizer, unet };
    expect(() => new StableDiffusionPipeline(parts)).toThrow(
      "the UNet is conditioned on textEmbeds too, which a StableDiffusionPipeline does not give; it is Stable Diffusion XL's",
    );
    await expect(StableDiffusionPipeline.fromPretrained(path)).rejects.toThrow(
      "the pipeline has a text_encoder_2",
    );
    const narrow = await folderOf("narrow", "pipeline_xl");
    await cp(join(BASE, "unet"), join(narrow, "unet"), { recursive: true });
    await expect(StableDiffusionXLPipeline.fromPretrained(narrow)).rejects.toThrow(
      "the prompts of a StableDiffusionXLPipeline become encoderHiddenStates of [77, 28], expected [77, 12], which the UNet sees",
    );
  });

  test("consistency models of either class take no second evaluation", async () => {
    const _class_name = "LatentConsistencyModelPipeline";
    const path = await folderOf("consistency", "pipeline_lcm", { _class_name });
    const pipeline = await loadPipeline(path, { backend });
    if (!(pipeline instanceof StableDiffusionPipeline)) throw new Error("a pipeline of another class");
    const call = { prompt: "a cat", steps: 2, seed: 3, height: 16, width: 16 };
    const images = await pipeline.generate({ ...call, guidanceScale: 8 });
    expect(await pipeline.generate({ ...call, guidanceScale: 4 })).not.toEqual(images);
    for (const more of [{ negativePrompt: "dog" }, { guidanceRescale: 0.5 }]) {
      const [name] = Object.keys(more);
      await expect(pipeline.generate({ ...call, ...more })).rejects.toThrow(
        `${name} is for models that are guided by a second evaluation`,
      );
    }
    const { unet } = pipeline;
    const narrow = new UNet2DConditionModel({ ...unet.config, timeCondProjDim: 3 });
    const [parts] = await readStableDiffusion(path, {});
    const refused = new StableDiffusionPipeline({ ...parts, unet: narrow }, { backend });
    await expect(refused.generate(call)).rejects.toThrow("time_cond_proj_dim is 3, expected 4 or more");
  });

  test("the refiner draws from images, and is told of no second text and no size", async () => {
    const path = await folderOf("refiner", "pipeline_xl");
    await cp(fixture("stable_diffusion/pipeline_refiner"), path, { recursive: true });
    await expect(StableDiffusionXLPipeline.fromPretrained(path)).rejects.toThrow(
      "the model is told an aesthetic score, as the refiner is, which a StableDiffusionXLPipeline is not; it draws from images",
    );
    const refiner = await loadPipeline(path, { backend });
    if (!(refiner instanceof StableDiffusionXLImg2ImgPipeline)) throw new Error("another class");
    const call = { image: picture(90), prompt: "a cat", strength: 1, steps: 1, scheduler: "ddim" } as const;
    const plain = await refiner.generate(call);
    expect(await refiner.generate({ ...call, aestheticScore: 6, negativeAestheticScore: 2.5 })).toEqual(
      plain,
    );
    expect(await refiner.generate({ ...call, aestheticScore: 9 })).not.toEqual(plain);
    for (const [more, message] of [
      [{ prompt2: "dog" }, "prompt2 is for a second text encoder, but the model has one; leave it out"],
      [
        { targetSize: [8, 8] },
        "the model is told of an aesthetic score, and not of targetSize; leave it out",
      ],
      [{ aestheticScore: -1 }, "aestheticScore is -1, expected a number from 0 to 100"],
    ] as const) {
      await expect(refiner.generate({ ...call, ...more })).rejects.toThrow(message);
    }
    const base = await StableDiffusionXLImg2ImgPipeline.fromPretrained(await folderOf("xl4", "pipeline_xl"));
    await expect(base.generate({ ...call, aestheticScore: 6 })).rejects.toThrow(
      "the model is told of sizes, and not of aestheticScore; leave it out",
    );
  });

  test("a folder says what an empty negative prompt is", async () => {
    const text = { prompt: "a cat", steps: 1, scheduler: "ddim" } as const;
    const drawn = async (zeros: boolean, more: Partial<StableDiffusionXLOptions> = {}) => {
      const path = await folderOf(`zeros ${zeros}`, "pipeline_xl", { force_zeros_for_empty_prompt: zeros });
      const pipeline = await StableDiffusionXLPipeline.fromPretrained(path, { backend });
      return (await pipeline.generate({ ...text, ...more })).data;
    };
    const [zeros, empty] = [await drawn(true), await drawn(false)];
    expect(zeros).not.toEqual(empty);
    expect(await drawn(true, { negativePrompt: "" })).toEqual(empty);
  });

  test.each<[Partial<StableDiffusionXLOptions>, string]>([
    [{ prompt2: ["a", "b"] }, "2 prompts for the second text encoder (prompt2) were given for 1 prompts"],
    [{ negativePrompt2: "a" }, "negativePrompt2 counts beside negativePrompt; give both, or leave it out"],
    [{ originalSize: [-1, 5] }, "originalSize is [-1,5], expected two whole numbers from 0 to 65536"],
    [{ clipSkip: 3 }, "clipSkip is 3, expected a whole number from 0 to 2"],
  ])("what does not fit is refused in one line, %#", async (wrong, message) => {
    const pipeline = await StableDiffusionXLPipeline.fromPretrained(await folderOf("xl4", "pipeline_xl"));
    expect(() => pipeline.checkOptions({ prompt: "a cat", ...wrong })).toThrow(message);
  });
});
