// The part of a schedule that a call walks, and what is refused of it. What it draws: stable_diffusion_handovers.test.ts.

import { beforeAll, describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { partOf, type SchedulePart, stepsOf } from "../../src/pipelines/schedule_part.ts";
import { noiseOf } from "../../src/pipelines/seeding.ts";
import {
  type StableDiffusionXLImg2ImgOptions,
  StableDiffusionXLImg2ImgPipeline,
} from "../../src/pipelines/stable_diffusion_xl_img2img_pipeline.ts";
import { StableDiffusionXLInpaintPipeline } from "../../src/pipelines/stable_diffusion_xl_inpaint_pipeline.ts";
import { StableDiffusionXLPipeline } from "../../src/pipelines/stable_diffusion_xl_pipeline.ts";
import { DDIMScheduler, HeunDiscreteScheduler, type Scheduler } from "../../src/schedulers/index.ts";
import { testFolder } from "../support/folder.ts";
import { copyWhole } from "../support/stable_diffusion_rows.ts";

const folder = testFolder();
const backend = new ReferenceBackend();

describe("timesteps", () => {
  const walked = (part: SchedulePart, steps: number, scheduler: Scheduler = new DDIMScheduler()) => {
    scheduler.setTimesteps(steps);
    return stepsOf(part, scheduler);
  };

  test("of two parts follow each other", () => {
    const whole = walked({}, 50);
    const [first, second] = [walked({ denoisingEnd: 0.8 }, 50), walked({ denoisingStart: 0.8 }, 50)];
    expect(first).toHaveLength(40);
    expect([...first, ...second]).toEqual(whole);
    const middle = walked({ denoisingStart: 0.25, denoisingEnd: 0.8 }, 50);
    expect([...walked({ denoisingEnd: 0.25 }, 50), ...middle, ...second]).toEqual(whole);
  });

  test("are divided where Python rounds to, halves to even numbers", () => {
    // 988.5 is 988, the twelfth from 999.
    expect(walked({ denoisingEnd: 0.0115 }, 1000).at(-1)).toBe(988);
  });

  test("of two evaluations a step begin with a whole step", () => {
    const part = walked({ denoisingStart: 0.8 }, 10, new HeunDiscreteScheduler());
    expect(part.length % 2).toBe(1);
  });

  test.each<[SchedulePart, string]>([
    [{ denoisingStart: 0.95 }, "denoisingStart 0.95 leaves none of 10 steps; give more steps or an earlier"],
    [{ denoisingEnd: 0.02 }, "denoisingEnd 0.02 leaves none of 10 steps; give more steps or a later end"],
    [{ strength: 0.05 }, "strength 0.05 leaves none of 10 steps; give more steps or a higher strength"],
  ])("where none is left: %j", (part, message) => {
    const scheduler = new DDIMScheduler({ stepsOffset: 60 });
    expect(() => walked(part, 10, scheduler)).toThrow(message);
  });
});

test("parts that are none are refused", () => {
  for (const [part, message] of [
    [{ denoisingStart: 0 }, "denoisingStart is 0, expected a number between 0 and 1"],
    [{ denoisingEnd: 1 }, "denoisingEnd is 1, expected a number between 0 and 1"],
    [{ denoisingStart: 0.8, denoisingEnd: 0.5 }, "denoisingStart is 0.8, expected less than denoisingEnd"],
    [{ denoisingStart: 0.8, strength: 0.5 }, "strength and denoisingStart both say where the call starts"],
    [{ strength: 2 }, "strength is 2, expected a number above 0, up to 1"],
  ] as const) {
    expect(() => partOf(part, 0.3)).toThrow(message);
  }
});

test("what goes on draws other noise of a seed than what it goes on from", () => {
  const noise = (place?: number) =>
    noiseOf({ seed: 3 }, 1, 0, place === undefined ? {} : { place }).randn([1, 4]);
  expect(noise()).toEqual(noiseOf({ seed: 3 }, 1, 0).randn([1, 4]));
  expect(noise(0.8)).not.toEqual(noise());
  expect(noise(0.8)).not.toEqual(noise(0.5));
  const torch = { seed: 3, seedCompat: "torch" } as const;
  expect(noiseOf(torch, 1, 0, { place: 0.8 }).randn([1, 4])).toEqual(noiseOf(torch, 1, 0).randn([1, 4]));
});

describe("latents to start from", () => {
  const call = { prompt: "a cat", steps: 5, scheduler: "ddim" } as const;
  let path = "";

  beforeAll(async () => {
    path = await copyWhole("pipeline_xl", folder("pipeline_xl"));
  });

  test("are those that the pipeline decodes, for each part of a call", async () => {
    const pipeline = await StableDiffusionXLPipeline.fromPretrained(path, { backend });
    const two = { ...call, steps: 1, count: 2, height: 8, width: 12 };
    const latents = await pipeline.generateLatents(two);
    expect(latents.shape).toEqual([2, 4, 6, 4]);
    const { data } = await pipeline.decode(latents);
    const images = await pipeline.generate(two);
    expect(images.data).toEqual(data.map((x) => Math.min(1, Math.max(0, x / 2 + 0.5))));
    const last = await pipeline.generateLatents({ ...two, part: { firstImage: 1, count: 1 } });
    expect(last.data).toEqual(latents.data.subarray(latents.data.length / 2));
  });

  test.each<[Partial<StableDiffusionXLImg2ImgOptions>, string]>([
    [{ image: hostTensor(new Float32Array(64), [4, 4, 4]) }, "image is a tensor [4, 4, 4] of 64 values"],
    [
      { image: hostTensor(new Float32Array(48), [1, 4, 4, 3]) },
      "image is a tensor [1, 4, 4, 3] of 48 values, expected latents [M, h, w, 4] of up to 1000 images",
    ],
    [{ image: { data: new Float32Array(3), shape: [1, 4, 4, 4] } }, "of 3 values, expected latents"],
    [
      { image: hostTensor(new Float32Array(20), [1, 1, 5, 4]) },
      "the image's height is 2, expected a multiple",
    ],
  ])("of another kind are refused, %#", async (wrong, message) => {
    const pipeline = await StableDiffusionXLImg2ImgPipeline.fromPretrained(path, { backend });
    const image = hostTensor(new Float32Array(64), [1, 4, 4, 4]);
    expect(() => pipeline.checkOptions({ ...call, image })).not.toThrow();
    expect(() => pipeline.checkOptions({ ...call, image, ...wrong })).toThrow(message);
  });

  test("fit a mask of their images", async () => {
    const pipeline = await StableDiffusionXLInpaintPipeline.fromPretrained(path, { backend });
    const image = hostTensor(new Float32Array(64), [1, 4, 4, 4]);
    const mask = (side: number) =>
      ({ data: new Uint8Array(side * side), width: side, height: side, channels: 1 }) as const;
    expect(() => pipeline.checkOptions({ ...call, image, maskImage: mask(8) })).not.toThrow();
    expect(() => pipeline.checkOptions({ ...call, image, maskImage: mask(4) })).toThrow(
      "maskImage is 4 x 4, expected the image's 8 x 8",
    );
  });
});
