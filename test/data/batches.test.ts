// Shuffles and batches: complete, equal for equal seeds, and a function of the step only.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchSampler, fillBatch, type ImageSource, synthetic } from "../../src/data/index.ts";

function stream(sampler: BatchSampler, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => [...sampler.batch(step).indices]).flat();
}

describe("BatchSampler", () => {
  it("shows every image once an epoch, batches full across the epochs' seams", () => {
    const sizes = fc.record({
      count: fc.integer({ min: 1, max: 60 }),
      batchSize: fc.integer({ min: 1, max: 70 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ count, batchSize, seed }) => {
        const sampler = new BatchSampler({ count, batchSize, seed });
        const seen = stream(sampler, sampler.stepsFor(3));
        for (let epoch = 0; epoch < 3; epoch++) {
          const sorted = seen.slice(epoch * count, (epoch + 1) * count).sort((a, b) => a - b);
          expect(sorted).toEqual(Array.from({ length: count }, (_, i) => i));
        }
      }),
      { numRuns: 40 },
    );
  });

  it("shuffles anew every epoch, the same way for the same seed, whatever the batch size", () => {
    const options = { count: 100, seed: 7 };
    const a = stream(new BatchSampler({ ...options, batchSize: 10 }), 20);
    const b = stream(new BatchSampler({ ...options, batchSize: 25 }), 8);
    expect(a).toEqual(b);
    expect(a.slice(0, 100)).not.toEqual(a.slice(100));
    expect(stream(new BatchSampler({ count: 100, seed: 8, batchSize: 10 }), 10)).not.toEqual(a.slice(0, 100));
    const far = new BatchSampler({ count: 100, seed: 7 + 2 ** 40, batchSize: 10 });
    expect(stream(far, 10)).not.toEqual(a.slice(0, 100));
  });

  it("gives any step's batch without those before it", () => {
    const options = { count: 33, batchSize: 8, seed: 3, flip: true };
    const first = new BatchSampler(options);
    const all = Array.from({ length: 30 }, (_, step) => first.batch(step));
    const resumed = new BatchSampler(options);
    for (const step of [29, 4, 17, 5]) expect(resumed.batch(step)).toEqual(all[step]);
  });

  it("mirrors about half, by epoch and image and not by batch", () => {
    const flipsOf = (batchSize: number): number[] => {
      const sampler = new BatchSampler({ count: 500, batchSize, seed: 1, flip: true });
      return Array.from({ length: 2000 / batchSize }, (_, step) => [...sampler.batch(step).flips]).flat();
    };
    const flips = flipsOf(20);
    expect(flips).toEqual(flipsOf(50));
    const mirrored = flips.reduce((a, b) => a + b, 0);
    expect(mirrored).toBeGreaterThan(900);
    expect(mirrored).toBeLessThan(1100);
    const plain = new BatchSampler({ count: 500, batchSize: 20, seed: 1 });
    expect(plain.batch(3).flips.every((flip) => flip === 0)).toBe(true);
  });

  it("puts every image in every place about as often", () => {
    const sampler = new BatchSampler({ count: 4, batchSize: 4, seed: 11 });
    const table = new Uint32Array(16);
    for (let step = 0; step < 4000; step++) {
      for (const [place, index] of sampler.batch(step).indices.entries()) table[place * 4 + index]! += 1;
    }
    for (const times of table) expect(Math.abs(times - 1000)).toBeLessThan(130);
  });

  it("counts epochs and steps", () => {
    const sampler = new BatchSampler({ count: 1000, batchSize: 64, seed: 0 });
    expect(sampler.stepsFor(30)).toBe(469);
    expect([sampler.epochOf(0), sampler.epochOf(15), sampler.epochOf(16)]).toEqual([0, 0, 1]);
  });

  it("refuses options out of range", () => {
    expect(() => new BatchSampler({ count: 0, batchSize: 1, seed: 0 })).toThrow(/count is 0/);
    expect(() => new BatchSampler({ count: 1, batchSize: 1.5, seed: 0 })).toThrow(/batchSize is 1.5/);
    expect(() => new BatchSampler({ count: 1, batchSize: 1, seed: -1 })).toThrow(/seed is -1/);
    expect(() => new BatchSampler({ count: 1, batchSize: 1, seed: 0 }).batch(-1)).toThrow(/step is -1/);
  });
});

describe("fillBatch", () => {
  const source: ImageSource = {
    name: "two pixels",
    count: 2,
    size: { height: 1, width: 2 },
    channels: 3,
    flip: true,
    image: (index) => Uint8Array.from([0, 51, 255, 102, 204, index]),
    fingerprint: () => "",
  };

  it("maps bytes to [-1, 1] and mirrors where told to", () => {
    const batch = { indices: Uint32Array.from([0, 0]), flips: Uint8Array.from([0, 1]) };
    const first = [-1, 51 / 127.5 - 1, 1];
    const second = [102 / 127.5 - 1, 204 / 127.5 - 1, -1];
    const expected = Float32Array.from([...first, ...second, ...second, ...first]);
    expect(fillBatch(source, batch)).toEqual(expected);
  });

  it("fills what it is given, and refuses what does not fit", () => {
    const butterflies = synthetic({ size: 16, count: 3 });
    const batch = new BatchSampler({ count: 3, batchSize: 2, seed: 0 }).batch(0);
    const out = new Float32Array(2 * 16 * 16 * 3);
    expect(fillBatch(butterflies, batch, out)).toBe(out);
    expect(out.every((value) => value >= -1 && value <= 1)).toBe(true);
    expect(() => fillBatch(butterflies, batch, new Float32Array(3))).toThrow(/need out of 1536/);
  });
});
