// The augmentation of an image: a function of (seed, epoch, image), in range, with the right map and condition.

import { describe, expect, it } from "vitest";
import { IDENTITY, product, rotation, scaling, translation } from "../../../src/data/augment/affine.ts";
import { drawAugmentation, sourceMap } from "../../../src/data/augment/draw.ts";
import { type EdmDraw, edmCondition, edmSource } from "../../../src/data/augment/edm.ts";
import { type AugmentOptions, NO_AUGMENTATION } from "../../../src/data/augment/options.ts";
import { BatchSampler, fillBatch, fillConditions, synthetic } from "../../../src/data/index.ts";
import { ItemRandom } from "../../../src/data/item_random.ts";
import { inverse } from "./inverse.ts";

const ALL: AugmentOptions = {
  randomCrop: 0.3,
  rotate: 20,
  translate: 0.1,
  colorJitter: 0.2,
  augmentProbability: 0.5,
};
const SIZE = { width: 20, height: 10 };

const draws = (options: Partial<AugmentOptions>, count = 2000, seed = 3) => {
  const random = new ItemRandom(seed);
  return Array.from({ length: count }, (_, item) =>
    drawAugmentation({ ...NO_AUGMENTATION, ...options }, random, item, 1),
  );
};
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]) => Math.sqrt(mean(values.map((value) => value ** 2)));

describe("plain augmentation", () => {
  it("stays within what was asked for, and uses all of it", () => {
    for (const { crop, rotation: angle, shift, color } of draws(ALL)) {
      expect(crop.side).toBeGreaterThan(0.7);
      // The square lies in the image.
      expect(Math.abs(crop.x) + crop.side / 2).toBeLessThanOrEqual(0.5);
      expect(Math.abs(crop.y) + crop.side / 2).toBeLessThanOrEqual(0.5);
      expect(Math.abs(angle)).toBeLessThan((20 * Math.PI) / 180);
      expect(Math.max(Math.abs(shift.x), Math.abs(shift.y))).toBeLessThan(0.1);
      expect(Math.abs((color?.saturation ?? 9) - 1)).toBeLessThan(0.2);
      expect(Math.abs(color?.hue ?? 9)).toBeLessThan(0.1 * Math.PI);
    }
    const all = draws(ALL);
    const shares = [
      all.map(({ crop }) => (1 - crop.side) / 0.3),
      all.map(({ rotation: angle }) => angle / ((20 * Math.PI) / 180) / 2 + 0.5),
      all.map(({ shift }) => shift.x / 0.2 + 0.5),
      all.map(({ shift }) => shift.y / 0.2 + 0.5),
      all.map(({ color }) => ((color?.brightness ?? 0) - 1) / 0.4 + 0.5),
      all.map(({ color }) => ((color?.contrast ?? 0) - 1) / 0.4 + 0.5),
      all.map(({ color }) => (color?.hue ?? 0) / (0.2 * Math.PI) + 0.5),
    ];
    for (const values of shares) {
      expect(mean(values)).toBeCloseTo(0.5, 1);
      expect(deviation(values.map((value) => value - 0.5))).toBeCloseTo(Math.sqrt(1 / 12), 1);
    }
  });

  it("is nothing where nothing is asked for, and leaves other draws alone", () => {
    for (const draw of draws({}, 20)) expect(sourceMap(draw, false, SIZE)).toEqual(IDENTITY);
    const [some, more] = [draws({ rotate: 20 }, 20), draws(ALL, 20)];
    expect(some.map(({ rotation: angle }) => angle)).toEqual(more.map(({ rotation: angle }) => angle));
  });

  it("mirrors, crops, turns and shifts, in this order", () => {
    const [draw] = draws({ randomCrop: 0.3, rotate: 20, translate: 0.1 });
    const forward = product(
      translation(draw.shift.x * 20, draw.shift.y * 10),
      rotation(draw.rotation),
      scaling(1 / draw.crop.side, 1 / draw.crop.side),
      translation(-draw.crop.x * 20, -draw.crop.y * 10),
      scaling(-1, 1),
    );
    const there = inverse(forward);
    for (const [i, value] of sourceMap(draw, true, SIZE).entries()) expect(value).toBeCloseTo(there[i], 12);
  });
});

describe("augmentation that the model is told of", () => {
  const edms = (probability: number, count?: number) =>
    draws({ augmentProbability: probability }, count).flatMap(({ edm }) => (edm === null ? [] : [edm]));
  const NOTHING: EdmDraw = {
    mirror: 0,
    upsideDown: 0,
    scale: 0,
    rotation: 0,
    axis: 0,
    anisotropy: 0,
    shiftX: 0,
    shiftY: 0,
  };

  it("does each thing as often as asked for, each by itself, and mirrors half", () => {
    const all = edms(0.2, 5000);
    const share = (is: (draw: EdmDraw) => boolean) => all.filter(is).length / all.length;
    expect(share(({ mirror }) => mirror === 1)).toBeCloseTo(0.5, 1);
    expect(Math.abs(share(({ upsideDown }) => upsideDown === 1) - 0.1)).toBeLessThan(0.02);
    const kinds = [
      (draw: EdmDraw) => draw.scale !== 0,
      (draw: EdmDraw) => draw.rotation !== 0,
      (draw: EdmDraw) => draw.anisotropy !== 0,
      (draw: EdmDraw) => draw.shiftX !== 0 && draw.shiftY !== 0,
    ];
    for (const kind of kinds) expect(Math.abs(share(kind) - 0.2)).toBeLessThan(0.02);
    for (const kind of kinds.slice(1)) {
      expect(Math.abs(share((draw) => kind(draw) && kinds[0](draw)) - 0.04)).toBeLessThan(0.012);
    }
    const always = edms(1);
    for (const values of [always.map(({ scale }) => scale), always.map(({ shiftY }) => shiftY)]) {
      expect(Math.abs(mean(values))).toBeLessThan(0.08);
      expect(deviation(values)).toBeCloseTo(1, 1);
    }
    expect(Math.abs(mean(always.map(({ axis }) => (axis === 0 ? 1 : 0))) - 0.5)).toBeLessThan(0.05);
    expect(Math.max(...always.map(({ rotation: angle }) => angle))).toBeGreaterThan(3);
  });

  it("tells all zeros exactly of images that are as they were", () => {
    let same = 0;
    for (const edm of edms(0.12, 500)) {
      const isZero = edmCondition(edm).every((value) => value === 0);
      const map = edmSource(edm, SIZE);
      expect(map.every((value, i) => value === IDENTITY[i])).toBe(isZero);
      if (isZero) same++;
    }
    expect(same).toBeGreaterThan(100);
  });

  it("tells the nine numbers of the paper's table", () => {
    const edm = {
      ...NOTHING,
      mirror: 1,
      upsideDown: 1,
      scale: 2,
      rotation: 1,
      axis: 2,
      anisotropy: 3,
    } as const;
    expect(edmCondition({ ...edm, shiftX: 4, shiftY: 5 })).toEqual([
      1,
      1,
      2,
      Math.cos(1) - 1,
      Math.sin(1),
      3 * Math.cos(2),
      3 * Math.sin(2),
      4,
      5,
    ]);
  });

  it("moves by an eighth of the side, enlarges by 2^0.2, and stretches along the axis", () => {
    const to = (draw: Partial<EdmDraw>) => inverse(edmSource({ ...NOTHING, ...draw }, SIZE));
    const close = (map: readonly number[], expected: readonly number[]) => {
      for (const [i, value] of map.entries()) expect(value).toBeCloseTo(expected[i], 12);
    };
    close(to({ shiftX: 1, shiftY: -2 }), [1, 0, 2.5, 0, 1, -2.5]);
    const s = 2 ** 0.2;
    close(to({ scale: 1 }), [s, 0, 0, 0, s, 0]);
    close(to({ anisotropy: 1 }), [s, 0, 0, 0, 1 / s, 0]);
    close(to({ anisotropy: 1, axis: Math.PI / 2 }), [1 / s, 0, 0, 0, s, 0]);
    close(to({ mirror: 1, upsideDown: 1 }), [-1, 0, 0, 0, -1, 0]);
    // Flips come first, then size, turn, stretch and shift.
    const all = { mirror: 1, scale: 0.5, rotation: 0.3, axis: 0.4, anisotropy: 0.6, shiftX: 1 } as const;
    const stretched = product(rotation(-0.4), scaling(s ** 0.6, s ** -0.6), rotation(0.4));
    close(
      to(all),
      product(translation(2.5, 0), stretched, rotation(-0.3), scaling(s ** 0.5, s ** 0.5), scaling(-1, 1)),
    );
  });
});

describe("an augmented batch", () => {
  const source = synthetic({ size: 16, count: 9 });
  const sampler = (batchSize: number, augment: Partial<AugmentOptions>) =>
    new BatchSampler({ count: 9, batchSize, seed: 5, flip: true, augment });

  it("is the same whatever the batch size and the steps before", () => {
    const images = (batchSize: number) =>
      Array.from({ length: 18 / batchSize }, (_, step) => sampler(batchSize, ALL).batch(step)).map(
        (batch) => [...fillBatch(source, batch), ...fillConditions(batch)],
      );
    const length = 16 * 16 * 3;
    const pixels = (batches: number[][], batchSize: number) =>
      batches.flatMap((batch) => batch.slice(0, batchSize * length));
    expect(pixels(images(3), 3)).toEqual(pixels(images(6), 6));
    expect(images(3)).toEqual(images(3));
  });

  it("differs by epoch and seed, stays in range, and without augmentation is the images themselves", () => {
    const filled = (step: number, augment: Partial<AugmentOptions>) =>
      fillBatch(source, sampler(9, augment).batch(step));
    const [first, second] = [filled(0, ALL), filled(1, ALL)];
    expect(first).not.toEqual(second);
    expect(first.every((value) => value >= -1 && value <= 1)).toBe(true);
    expect(sampler(9, {}).batch(0).draws).toBeUndefined();
    // Of images that nothing is done to, every byte stays.
    const told = sampler(9, { augmentProbability: 1e-9 }).batch(0);
    const flips = told.draws?.map(({ edm }, n) => told.flips[n] ^ (edm?.mirror ?? 0)) ?? [];
    expect(fillBatch(source, told)).toEqual(
      fillBatch(source, { indices: told.indices, flips: Uint8Array.from(flips) }),
    );
  });

  it("refuses options out of range, and conditions of what nothing is told of", () => {
    expect(() => sampler(9, { rotate: 181 })).toThrow("rotate is 181; give a number from 0 to 180");
    expect(() => sampler(9, { randomCrop: Number.NaN })).toThrow("randomCrop is NaN");
    expect(() => fillConditions(sampler(9, { rotate: 10 }).batch(0))).toThrow("nothing was drawn");
  });
});
