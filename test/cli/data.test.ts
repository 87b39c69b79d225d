import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { runCommand } from "../../src/cli/program.ts";
import { BatchSampler, openImages } from "../../src/data/index.ts";
import { fixture } from "../data/support.ts";
import { failure, imago, imagoProcess, workFolder } from "./support.ts";

const work = workFolder();
beforeAll(async () => {
  await mkdir(work.path("images"));
  for (const [i, color] of ["red", "lime", "blue"].entries()) {
    const create = { width: 20, height: 12, channels: 3, background: color } as const;
    await sharp({ create })
      .png()
      .toFile(work.path(`images/${i}.png`));
  }
});

test("info counts and measures; preview draws", async () => {
  const info = await imagoProcess("data", "info", work.path("images"), "--size", "16", "--json");
  expect(info).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(info.stdout)).toMatchObject({
    count: 3,
    size: 16,
    channels: 3,
    mean: [1 / 3, 1 / 3, 1 / 3],
  });

  const out = work.path("preview.png");
  const preview = await imago("data", "preview", "synthetic", "--size", "16", "--count", "4", "--out", out);
  expect(preview).toMatchObject({ code: 0, stderr: "" });
  expect(await sharp(out).metadata()).toMatchObject({ width: 2 * 132 + 4, height: 2 * 132 + 4 });
  expect(await failure(["data", "preview", "synthetic", "--out", out])).toMatchObject({ code: 2 });
});

test("preview shows what training with the same options and seed sees in its first epoch", async () => {
  const preview = async (name: string, ...options: string[]) => {
    const out = work.path(name);
    const size = ["--size", "8", "--count", "4", "--json"];
    await runCommand(["data", "preview", "synthetic", ...size, ...options, "--out", out]);
    return await readFile(out);
  };
  const told = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const plain = await preview("plain.png");
  const options = ["--flip", "--random-crop", "0.2", "--rotate", "10", "--color-jitter", "0.1"];
  const changed = await preview("changed.png", ...options);
  expect(changed).not.toEqual(plain);
  expect(await preview("again.png", ...options, "--seed", "0")).toEqual(changed);
  expect(await preview("seed.png", ...options, "--seed", "1")).not.toEqual(changed);
  expect(await preview("told.png", "--augment-probability", "0.5")).not.toEqual(plain);
  expect(told).toHaveBeenCalledTimes(5);
  told.mockRestore();

  const sampler = new BatchSampler({
    count: 1000,
    batchSize: 1,
    seed: 0,
    flip: true,
    augment: { rotate: 10 },
  });
  const shown = sampler.batch(3);
  expect(sampler.inEpoch(0, [...shown.indices])).toEqual(shown);
});

test.each([
  [["--rotate", "181"], '--rotate is "181"; expected a number from 0 to 180'],
  [["--random-crop", "1"], '--random-crop is "1"; expected a number from 0 to 0.9'],
  [["--augment-probability", "12%"], '--augment-probability is "12%"; expected a number from 0 to 1'],
])("%s is refused in one line", async (options, line) => {
  const out = work.path("never.png");
  expect(await failure(["data", "preview", "synthetic", ...options, "--out", out])).toEqual({
    code: 2,
    line,
  });
  expect(await failure(["train", "--out", work.path("never"), ...options])).toEqual({ code: 2, line });
});

test("info tells of originals, labels, near-duplicates", async () => {
  const info = await imago("data", "info", fixture("hugging_face"), "--size", "8");
  expect(info).toMatchObject({ code: 0, stderr: "" });
  expect(info.stdout).toContain("originals: smallest 8 x 8, median 8 x 8, largest 8 x 8 pixels");
  expect(info.stdout).toContain("formats: png, 3 channels: 10");
  expect(info.stdout).toContain("labels: 4 classes: wasp 4, ant 3, bee 3, moth 0");
  expect(info.stdout).toContain("near-duplicates: none (difference hash of 16 x 16 bits");
  const json = await imago("data", "info", fixture("plain_none"), "--label-column", "kind", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject({
    originals: { smallest: [8, 8], median: [8, 8], largest: [8, 8], kinds: { "png, 3 channels": 5 } },
    labels: { a: 2, b: 2, c: 1 },
    broken: [],
    near_duplicates: { pairs: 0, complete: true, examples: [] },
  });
});

test("a source and its columns are chosen by options, and what is wrong with them is one line", async () => {
  const info = (...args: string[]) => failure(["data", "info", ...args]);
  expect(await info(fixture("two_images"))).toMatchObject({
    code: 2,
    line: expect.stringMatching(
      /several columns .* name the one of images with imageColumn \(--image-column\)/,
    ),
  });
  expect(await info("synthetic", "--label-column", "genus")).toMatchObject({
    code: 2,
    line: "--label-column chooses from files, but synthetic is drawn; leave it out",
  });
  expect(await info(work.path("none.zip"))).toMatchObject({ code: 2 });
});

test("what is kept on the disk is listed and removed", async () => {
  vi.stubEnv("IMAGO_CACHE", work.path("cache"));
  onTestFinished(() => void vi.unstubAllEnvs());
  const cacheFolder = work.path("cache/images");
  const images = await openImages(fixture("hugging_face"), { size: 16, memoryLimit: 0, cacheFolder });
  images.close();
  const listed = JSON.parse((await imago("data", "cache", "--json")).stdout);
  expect(listed).toMatchObject({ event: "cache", folder: cacheFolder });
  expect(listed.entries).toEqual([
    expect.objectContaining({ path: images.cache?.folder, bytes: listed.bytes }),
  ]);
  expect((await imago("data", "cache", "--clear")).stdout).toMatch(/removed 1 data set of \d/);
  expect(await readdir(cacheFolder)).toEqual([]);
});

test("broken images are named, and left out when asked", async () => {
  await writeFile(work.path("images/bad.jpg"), "not an image");
  const source = work.path("images");
  const refused = await failure(["data", "info", source]);
  expect(refused).toMatchObject({ code: 2, line: expect.stringContaining('"bad.jpg"') });
  const reported = await imago("data", "info", source);
  expect(reported).toMatchObject({
    code: 2,
    stdout: expect.stringContaining("broken files: 1\n  bad.jpg (not an image)"),
  });
  const { code, stderr, stdout } = await imago("data", "info", source, "--skip-broken", "--json");
  expect(code).toBe(0);
  expect(stderr).toMatch(/^imago: warning: .*"bad.jpg"/);
  expect(JSON.parse(stdout).count).toBe(3);
});
