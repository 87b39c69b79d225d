// The drawn butterflies: always the same, each different, symmetric, on white, alike at any size.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DataError, drawButterfly, synthetic } from "../../src/data/index.ts";
import { specimenOf } from "../../src/data/synthetic/index.ts";
import { resizeAndCrop } from "../../src/io/image/resize.ts";

describe("synthetic", () => {
  it("draws the same 1,000 butterflies as ever, all different", () => {
    const source = synthetic({ size: 32 });
    const hashes = new Set<string>();
    const all = createHash("sha256");
    for (let i = 0; i < source.count; i++) {
      hashes.add(createHash("sha256").update(source.image(i)).digest("hex"));
      all.update(source.image(i));
    }
    expect(source.count).toBe(1000);
    // If the drawing is changed on purpose, raise EDITION with this.
    expect(all.digest("hex")).toBe("0e1084caf6744aed0f4873b7d43313378ca794841af90e50b166b6d77d2cad64");
    expect(hashes.size).toBe(1000);
  });

  it("draws the same picture for the same number, whatever was drawn before", () => {
    const whole = synthetic({ size: 24, count: 40 });
    for (let i = 0; i < 40; i++) whole.image(i);
    expect(whole.image(37)).toEqual(drawButterfly(37, 24));
    expect(synthetic({ size: 24 }).image(37)).toEqual(drawButterfly(37, 24));
    expect(whole.image(3)).toBe(whole.image(3));
  });

  it("is symmetric, has white corners and edges, and fills the width or the height", () => {
    for (let i = 0; i < 38; i++) {
      const size = i % 2 === 0 ? 32 : 33;
      const image = drawButterfly(i, size);
      const mirrored = new Uint8Array(image.length);
      let [left, top] = [size, size];
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const at = (y * size + x) * 3;
          mirrored.set(image.subarray(at, at + 3), (y * size + size - 1 - x) * 3);
          if (image[at]! + image[at + 1]! + image[at + 2]! < 600) {
            left = Math.min(left, x);
            top = Math.min(top, y);
          }
        }
      }
      expect(mirrored).toEqual(image);
      expect(Math.min(left, top)).toBeLessThanOrEqual(3);
      for (const corner of [0, size - 1, size * (size - 1), size * size - 1]) {
        expect([...image.subarray(corner * 3, corner * 3 + 3)]).toEqual([255, 255, 255]);
      }
    }
  });

  it("looks the same at every size", () => {
    for (const index of [0, 5, 11, 16]) {
      const large = drawButterfly(index, 256);
      for (const size of [16, 32, 64, 128]) {
        const small = drawButterfly(index, size);
        const shrunk = resizeAndCrop({ data: large, width: 256, height: 256, channels: 3 }, size);
        let sum = 0;
        for (let i = 0; i < small.length; i++) sum += Math.abs(small[i]! - shrunk[i]!);
        expect(sum / small.length).toBeLessThan(size === 16 ? 14 : 8);
      }
    }
  });

  it("tells sizes and counts apart by fingerprint", () => {
    const prints = [synthetic({ size: 32 }), synthetic({ size: 16 }), synthetic({ size: 32, count: 5 })].map(
      (source) => source.fingerprint(),
    );
    expect(new Set(prints).size).toBe(3);
    expect(synthetic({ size: 32 }).fingerprint()).toBe(prints[0]);
  });

  it("has 19 families as classes, each as often", () => {
    const { labels } = synthetic({ size: 16, count: 19 * 20 + 3 });
    if (labels === undefined) throw new Error("there are no labels");
    const { names, of } = labels;
    expect(names).toEqual([...new Set(names)].sort());
    expect(names).toContain("orange-tip");
    expect(of).toHaveLength(19 * 20 + 3);
    const counts = names.map((_, k) => of.filter((label) => label === k).length);
    expect([Math.min(...counts), Math.max(...counts)]).toEqual([20, 21]);
    for (const [i, label] of of.entries()) expect(specimenOf(i).family).toBe(names[label]);
  });

  it("refuses counts, sizes and indices out of range", () => {
    expect(() => synthetic({ size: 4 })).toThrow(DataError);
    expect(() => synthetic({ size: 32.5 })).toThrow(/size is 32.5; give a whole number/);
    expect(() => synthetic({ size: 32, count: 0 })).toThrow(/count is 0/);
    expect(() => synthetic({ size: 32 }).image(1000)).toThrow(/images are 0..999/);
  });
});
