// The cache of decoded images: same images as without it, never half-written, rebuilt when needed.
import { spawnSync } from "node:child_process";
import {
  appendFile,
  open,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clearImageCache, type LocalImages, listImageCache, openImages } from "../../src/data/index.ts";
import { abandonedBuilds, buildingName, imageCacheFolder } from "../../src/data/local/cache_folder.ts";
import { png, workFolder } from "./support.ts";

const work = workFolder();
const COUNT = 40;

async function putImages(): Promise<void> {
  for (let i = 0; i < COUNT; i++)
    await work.put(`images/${String(i).padStart(2, "0")}.png`, await png([i, 0, 9]));
  await work.put("images/20.png", "broken");
}

const cached = (options: { onProgress?: () => void; signal?: AbortSignal; size?: number } = {}) =>
  openImages(work.path("images"), {
    size: 4,
    onBroken: "skip",
    memoryLimit: 0,
    cacheFolder: work.path("cache"),
    ...options,
  });

const pixelsOf = (images: LocalImages): number[][] =>
  Array.from({ length: images.count }, (_, i) => [...images.image(i)]);

/** How many images were decoded to open the source. */
async function decodedBy(work: (onProgress: () => void) => Promise<LocalImages>): Promise<number> {
  let decoded = 0;
  const images = await work(() => decoded++);
  images.close();
  return decoded;
}

const entryFolder = async (): Promise<string> => {
  const [entry] = await listImageCache(work.path("cache"));
  if (entry === undefined) throw new Error("the cache is empty");
  return entry.path;
};

describe("the cache", () => {
  it("holds what memory would, and is read without decoding", async () => {
    await putImages();
    const memory = await openImages(work.path("images"), { size: 4, onBroken: "skip" });
    expect(memory.cache).toBeUndefined();
    const first = await cached();
    expect(first.cache).toEqual({ folder: await entryFolder(), isNew: true });
    expect(await readdir(await entryFolder())).toEqual(["index.jsonl", "pixels.bin"]);
    const second = await cached();
    expect(second.cache?.isNew).toBe(false);
    for (const images of [first, second]) {
      expect(pixelsOf(images)).toEqual(pixelsOf(memory));
      expect(images.fingerprint()).toBe(memory.fingerprint());
      expect(images.originals).toEqual(memory.originals);
      expect(images.broken).toEqual([{ file: "20.png", problem: "not an image" }]);
      expect(images.fileOf(20)).toBe("21.png");
      images.close();
      expect(() => images.image(0)).toThrow(/were closed/);
    }
    expect(await decodedBy((onProgress) => cached({ onProgress }))).toBe(0);
    expect(await decodedBy((onProgress) => cached({ onProgress, size: 5 }))).toBe(COUNT);
    expect(await listImageCache(work.path("cache"))).toHaveLength(2);
    expect(await clearImageCache(work.path("cache"))).toHaveLength(2);
    expect(await readdir(work.path("cache"))).toEqual([]);
  });

  it("is made anew, with a warning, when a file changed", async () => {
    await putImages();
    (await cached()).close();
    await utimes(work.path("images/03.png"), new Date(), new Date(2001, 1, 1));
    const images = await cached();
    expect(images.warnings[0]).toMatch(/were made anew: the images, or what decodes them, changed/);
    images.close();
    expect((await cached()).warnings.join()).not.toMatch(/anew/);
    expect(await readdir(work.path("cache"))).toHaveLength(1);
  });

  it.each([
    ["the pixels are cut short", (entry: string) => truncate(join(entry, "pixels.bin"), 100)],
    ["the pixels are gone", (entry: string) => rm(join(entry, "pixels.bin"))],
    ["the index is gone", (entry: string) => rm(join(entry, "index.jsonl"))],
    ["the index is cut short", (entry: string) => truncate(join(entry, "index.jsonl"), 700)],
    [
      "the index has a line too many",
      (entry: string) => appendFile(join(entry, "index.jsonl"), '{"problem":""}\n'),
    ],
    ["the index is something else", (entry: string) => writeFile(join(entry, "index.jsonl"), "hello\n")],
  ])("is made anew, with a warning, when %s", async (_, damage) => {
    await putImages();
    const expected = await cached();
    await damage(await entryFolder());
    const images = await cached();
    expect(images.warnings[0]).toMatch(/were made anew: the files there were damaged/);
    expect(images.fingerprint()).toBe(expected.fingerprint());
    expect(images.count).toBe(COUNT - 1);
    images.close();
    expected.close();
  });

  it("never gives out pixels that are not what was written, and is then made anew", async () => {
    await putImages();
    (await cached()).close();
    const file = await open(join(await entryFolder(), "pixels.bin"), "r+");
    await file.write(Uint8Array.of(77), 0, 1, 4 * 48 + 5);
    await file.close();
    const images = await cached();
    expect(images.image(3)[0]).toBe(3);
    expect(() => images.image(4)).toThrow(/damaged \(image 4\); start again, and they are made anew/);
    images.close();
    const anew = await cached();
    expect(anew.cache?.isNew).toBe(true);
    expect(anew.image(4)[0]).toBe(4);
    anew.close();
  });

  it("goes on where a process that is gone stopped, and believes nothing that is not whole", async () => {
    await putImages();
    const whole = pixelsOf(await cached());
    const entry = await entryFolder();
    // As a killed process would have left it: under its name, the last line cut off, pixels ahead of the lines.
    const gone = spawnSync(process.execPath, ["-e", ""]).pid;
    const building = join(
      work.path("cache"),
      (await buildingName(entry.slice(work.path("cache").length + 1))).replace(/-\d+-/, `-${gone}-`),
    );
    const begin = async () => {
      const lines = (await readFile(join(entry, "index.jsonl"), "utf8")).split("\n");
      await rename(entry, building);
      await writeFile(
        join(building, "index.jsonl"),
        `${lines.slice(0, 31).join("\n")}\n${lines[31]?.slice(0, 9)}`,
      );
    };
    await begin();
    expect(await abandonedBuilds(work.path("cache"))).toHaveLength(1);
    expect(await decodedBy((onProgress) => cached({ onProgress }))).toBe(COUNT - 30);
    expect(pixelsOf(await cached())).toEqual(whole);
    await begin();
    const file = await open(join(building, "pixels.bin"), "r+");
    await file.write(Uint8Array.of(77), 0, 1, 10 * 48);
    await file.close();
    expect(await decodedBy((onProgress) => cached({ onProgress }))).toBe(COUNT - 10);
    expect(pixelsOf(await cached())).toEqual(whole);
    expect(await readdir(work.path("cache"))).toHaveLength(1);
  });

  it("leaves alone what a process that is alive is making", async () => {
    await putImages();
    (await cached()).close();
    const name = (await entryFolder()).slice(work.path("cache").length + 1);
    await rename(await entryFolder(), work.path(`cache/${await buildingName(name)}`));
    expect(await abandonedBuilds(work.path("cache"))).toEqual([]);
    expect(await buildingName(name)).not.toContain(hostname());
  });

  it("keeps what was decoded before a stop", async () => {
    await putImages();
    const stop = new AbortController();
    let done = 0;
    const onProgress = () => {
      if (++done === 25) stop.abort(new Error("enough"));
    };
    await expect(cached({ onProgress, signal: stop.signal })).rejects.toThrow("enough");
    const left = await decodedBy((progress) => cached({ onProgress: progress }));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(COUNT - 20);
  });

  it("is made once for those who ask at the same time", async () => {
    await putImages();
    let decoded = 0;
    const all = await Promise.all([1, 2, 3].map(() => cached({ onProgress: () => decoded++ })));
    expect(decoded).toBe(COUNT);
    for (const images of all) images.close();
  });

  it("says what to do where it cannot be written", async () => {
    await putImages();
    await work.put("cache", "a file");
    await expect(cached()).rejects.toThrow(/IMAGO_CACHE chooses the folder of decoded images/);
  });

  it("lies where the environment says", () => {
    expect(imageCacheFolder({ IMAGO_CACHE: "/a", XDG_CACHE_HOME: "/b" })).toBe(join("/a", "images"));
    expect(imageCacheFolder({ IMAGO_CACHE: "", XDG_CACHE_HOME: "/b" })).toBe(join("/b", "imago", "images"));
    expect(imageCacheFolder({ XDG_CACHE_HOME: "b" })).toMatch(/\.cache[/\\]imago[/\\]images$/);
  });
});
