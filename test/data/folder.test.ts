// Folders of images: every format, every kind of damage, made here with sharp.
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { DataError, imageFolder } from "../../src/data/index.ts";
import { freshFolder } from "../support/folder.ts";

const folder = freshFolder();

/** An image of one colour. */
function plain(r: number, g: number, b: number, width = 8, height = 8): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

async function put(name: string, content: Sharp | string | Uint8Array): Promise<void> {
  const file = folder(name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    typeof content === "string" || content instanceof Uint8Array ? content : await content.toBuffer(),
  );
}

/** The pixel in the middle of image `index`, at size 4. */
async function middle(index = 0): Promise<number[]> {
  const image = (await imageFolder(folder(), { size: 4 })).image(index);
  return [...image.subarray(30, 33)];
}

describe("imageFolder", () => {
  it("reads every format by its content, in the order of the paths, and passes over the rest", async () => {
    await put("b/2.png", plain(0, 0, 250).png());
    await put("b/10.webp", plain(0, 250, 0).webp({ lossless: true }));
    await put("a.JPG", plain(250, 0, 0).jpeg({ quality: 100, chromaSubsampling: "4:4:4" }));
    await put("c.gif", plain(255, 255, 0).gif());
    await put("d.tiff", plain(9, 99, 199).tiff());
    await put("e.avif", plain(128, 128, 128).avif({ lossless: true }));
    await put("f.png", plain(1, 2, 3).jpeg());
    await put("metadata.csv", "file,genus");
    await put(".hidden.png", "not an image");
    await put(".cache/x.png", "not an image");
    const seen: [number, number][] = [];
    const source = await imageFolder(folder(), {
      size: 4,
      onProgress: (done, total) => seen.push([done, total]),
    });
    expect(source.files).toEqual(["a.JPG", "b/10.webp", "b/2.png", "c.gif", "d.tiff", "e.avif", "f.png"]);
    expect(source.count).toBe(7);
    expect(source.warnings).toEqual([]);
    expect(seen.at(-1)).toEqual([7, 7]);
    expect(seen).toHaveLength(7);
    const expected = [
      [250, 0, 0],
      [0, 250, 0],
      [0, 0, 250],
      [255, 255, 0],
      [9, 99, 199],
      [128, 128, 128],
      [1, 2, 3],
    ];
    for (const [i, color] of expected.entries()) {
      const image = source.image(i);
      expect(image).toHaveLength(48);
      for (const [c, value] of color.entries()) expect(Math.abs(image[c]! - value)).toBeLessThanOrEqual(3);
    }
  });

  it("turns an image as its EXIF data says", async () => {
    const data = new Uint8Array(8 * 4 * 3).fill(255); // 8 wide, 4 high; the left half is black
    for (let i = 0; i < data.length; i += 3) if ((i / 3) % 8 < 4) data.fill(0, i, i + 3);
    const upright = sharp(data, { raw: { width: 8, height: 4, channels: 3 } });
    await put("turned.png", upright.withMetadata({ orientation: 6 }).png()); // a quarter turn clockwise
    const image = (await imageFolder(folder(), { size: 4 })).image(0);
    expect(image[0]).toBe(0); // what was left is now on top
    expect(image[(3 * 4 + 3) * 3]).toBe(255);
  });

  it("lays transparent images on white", async () => {
    const data = new Uint8Array(64 * 4);
    for (let i = 0; i < 64; i++) data.set([255, 0, 0, 51], i * 4);
    await put("a.png", sharp(data, { raw: { width: 8, height: 8, channels: 4 } }).png());
    expect(await middle()).toEqual([255, 204, 204]);
  });

  it("brings 16-bit gray and CMYK to 8-bit RGB", async () => {
    const gray = new Uint16Array(64).fill(0x8000);
    const raw = sharp(gray, { raw: { width: 8, height: 8, channels: 1 } });
    await put("gray.png", raw.toColourspace("grey16").png());
    await put("ink.jpg", plain(255, 255, 255).toColourspace("cmyk").jpeg({ quality: 100 }));
    expect(await middle(0)).toEqual([128, 128, 128]);
    for (const value of await middle(1)) expect(value).toBeGreaterThan(245);
  });

  it("scales the shorter side and keeps the middle", async () => {
    const data = new Uint8Array(24 * 8 * 3);
    for (let i = 0; i < data.length; i += 3) {
      const x = (i / 3) % 24;
      data.set(x < 8 ? [255, 0, 0] : x < 16 ? [0, 255, 0] : [0, 0, 255], i);
    }
    await put("flag.png", sharp(data, { raw: { width: 24, height: 8, channels: 3 } }).png());
    expect((await imageFolder(folder(), { size: 8 })).image(0).subarray(0, 3)).toEqual(
      new Uint8Array([0, 255, 0]),
    );
  });

  it("says what is wrong with many broken files at once", async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
    const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    for (let i = 0; i < 16; i++) {
      await put(`${i}.jpg`, jpeg.subarray(0, jpeg.length >> 1));
      await put(`${i}.png`, "this is no image at all");
    }
    for (let i = 0; i < 4; i++) {
      const message = String(
        await imageFolder(folder(), { size: 8, concurrency: 8 }).catch((reason) => reason),
      );
      expect(message).toContain("32 of 32 files");
      expect(message).not.toMatch(/unknown/i);
    }
  });

  it("names broken files in one line", async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
    const image = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    const jpeg = await image.jpeg().toBuffer();
    await put("good.jpg", jpeg);
    await put("half.jpg", jpeg.subarray(0, jpeg.length >> 1));
    await put("text.png", "this is no image at all");
    await put("empty.webp", "");
    await put("drawing.png", '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"></svg>');
    const error = await imageFolder(folder(), { size: 8 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    const message = error instanceof Error ? error.message : "";
    expect(message).not.toContain("\n");
    expect(message).toContain("4 of 5 files cannot be read as images");
    expect(message).toContain('"half.jpg" (damaged or cut short)');
    expect(message).toContain('"text.png" (not an image)');
    expect(message).toContain('"empty.webp" (empty file)');
    expect(message).toContain('"drawing.png" (SVG, which is not read; convert it to JPEG or PNG)');

    const source = await imageFolder(folder(), { size: 8, onBroken: "skip" });
    expect(source.files).toEqual(["good.jpg"]);
    expect(source.warnings).toHaveLength(2);
    expect(source.warnings[0]).toContain('"half.jpg"');
    expect(source.warnings[1]).toContain("one image only");
  });

  it("counts the broken files it does not name, and fails if nothing is left", async () => {
    for (let i = 0; i < 8; i++) await put(`${i}.png`, "no");
    const reading = imageFolder(folder(), { size: 8, onBroken: "skip" });
    await expect(reading).rejects.toThrow(/8 of 8 files .* and 3 more; repair them/);
  });

  it("says what is wrong with the folder", async () => {
    await expect(imageFolder(folder(), { size: 8 })).rejects.toThrow(/no images in this folder; put JPEG/);
    await expect(imageFolder(folder("none"), { size: 8 })).rejects.toThrow(/there is no such folder/);
    await put("a.png", plain(1, 2, 3).png());
    await expect(imageFolder(folder("a.png"), { size: 8 })).rejects.toThrow(/this is a file/);
    await expect(imageFolder(folder(), { size: 0 })).rejects.toThrow(/size is 0/);
  });

  it("follows links, even round in circles, and reports links to nowhere", async () => {
    await put("inner/a.png", plain(1, 2, 3).png());
    await put("inner/b.png", plain(1, 2, 3).png());
    await symlink(folder(), folder("inner", "back"));
    await symlink(folder("inner", "a.png"), folder("link.png"));
    const source = await imageFolder(folder(), { size: 4, flip: true });
    expect(source.files).toEqual(["inner/a.png", "inner/b.png", "link.png"]);
    expect(source.flip).toBe(true);
    await symlink(folder("gone.png"), folder("lost.png"));
    await expect(imageFolder(folder(), { size: 4 })).rejects.toThrow(/"lost.png"/);
  });

  it("has a fingerprint of names, bytes and size that does not depend on the place", async () => {
    await put("x/a.png", plain(1, 2, 3).png());
    await put("y/a.png", plain(1, 2, 3).png());
    await put("z/a.png", plain(1, 2, 4).png());
    const print = async (name: string, size: number): Promise<string> =>
      (await imageFolder(folder(name), { size })).fingerprint();
    expect(await print("x", 4)).toBe(await print("y", 4));
    expect(await print("x", 4)).not.toBe(await print("z", 4));
    expect(await print("x", 4)).not.toBe(await print("x", 5));
  });

  it("stops when told to", async () => {
    await put("a.png", plain(1, 2, 3).png());
    const reading = imageFolder(folder(), { size: 4, signal: AbortSignal.abort(new Error("enough")) });
    await expect(reading).rejects.toThrow("enough");
  });
});
