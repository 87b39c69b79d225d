// Tar archives as sources: trees of images like those of zip archives, samples of WebDataset, and shards by a pattern.

import { mkdir, readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { type LocalImages, type OpenImagesOptions, openImages } from "../../src/data/index.ts";
import { type TarFile, tar } from "../io/tar_writer.ts";
import { zip } from "../io/zip_writer.ts";
import { fixture, png, workFolder } from "./support.ts";

const work = workFolder();
const open = (name: string, options: Partial<OpenImagesOptions> = {}): Promise<LocalImages> =>
  openImages(work.path(name), { size: 4, ...options });

async function refusal(name: string, options: Partial<OpenImagesOptions> = {}): Promise<string> {
  const error = await open(name, options).catch((reason: unknown) => reason);
  const message = error instanceof Error ? error.message : "no error";
  expect(message).not.toContain("\n");
  return message;
}

const files = (images: LocalImages): string[] =>
  Array.from({ length: images.count }, (_, i) => images.fileOf(i));
const classes = ({ labels }: LocalImages): (string | undefined)[] | undefined =>
  labels && Array.from(labels.of, (of) => labels.names[of]);

let image: Buffer;
beforeAll(async () => {
  image = await png([1, 2, 3]);
});
const picture = (name: string): TarFile => ({ name, content: image });

describe("a tar archive", () => {
  it("of images in folders has the names, labels and fingerprint of a zip archive of them", async () => {
    const content = [picture("set/dog/2.png"), picture("set/cat/1.png"), picture("set/dog/.hidden.png")];
    const others = [{ name: "set/README", content: "about" }, picture("__MACOSX/set/._2.png")];
    await work.put("a.tar", tar([{ name: "set/", kind: "5" }, ...content, ...others]));
    await work.put("a.zip", zip(content.map(({ name }) => ({ name, content: image }))));
    const [tarred, zipped] = [await open("a.tar"), await open("a.zip")];
    expect(files(tarred)).toEqual(["set/cat/1.png", "set/dog/2.png"]);
    expect(classes(tarred)).toEqual(["cat", "dog"]);
    expect(tarred.fingerprint()).toBe(zipped.fingerprint());
    expect([...tarred.image(1).subarray(0, 3)]).toEqual([1, 2, 3]);
  });

  it("may hold metadata and splits, and names with dots", async () => {
    const table = { name: "train/metadata.csv", content: "file_name,label\n1.a.png,x\n1.b.png,y\n" };
    await work.put(
      "a.tar",
      tar([picture("train/1.a.png"), picture("train/1.b.png"), picture("test/2.png"), table]),
    );
    const images = await open("a.tar", { split: "train" });
    expect([files(images), classes(images)]).toEqual([
      ["train/1.a.png", "train/1.b.png"],
      ["x", "y"],
    ]);
    expect(await refusal("a.tar", { split: "dev" })).toMatch(/no folder "dev"/);
  });

  it("names broken images, and refuses what is no source", async () => {
    await work.put("a.tar", tar([picture("a.png"), { name: "b.png", content: "no image" }]));
    expect(await refusal("a.tar")).toMatch(/1 of 2 files .*"b\.png" \(not an image\)/);
    await work.put("none.tar", tar([{ name: "a.txt", content: "x" }]));
    expect(await refusal("none.tar")).toMatch(/no images in this archive; give one of JPEG/);
    await work.put("a.tar.gz", "packed");
    await work.put("a.tgz", "packed");
    for (const name of ["a.tar.gz", "a.tgz"])
      expect(await refusal(name)).toMatch(/unpack it first .* give the \.tar/);
  });
});

describe("WebDataset", () => {
  const sample = (key: string, cls: string, more: object = {}): TarFile[] => [
    picture(`${key}.PNG`),
    { name: `${key}.cls`, content: cls },
    { name: `${key}.json`, content: JSON.stringify({ genus: `g${cls}`, ...more }) },
    { name: `${key}.txt`, content: "a thing" },
  ];

  it("has an image a sample, labelled by .cls, or by a field of the .json", async () => {
    await work.put("a.tar", tar([...sample("in/0002", "10\n"), ...sample("in/0001", "2", { wing: 4 })]));
    const images = await open("a.tar");
    expect(files(images)).toEqual(["in/0001.PNG", "in/0002.PNG"]);
    expect([images.labels?.names, classes(images)]).toEqual([
      ["2", "10"],
      ["2", "10"],
    ]);
    expect(classes(await open("a.tar", { labelColumn: "genus" }))).toEqual(["g2", "g10\n"]);
    expect(await refusal("a.tar", { labelColumn: "wing" })).toMatch(
      /1 of 2 images have no "wing", the first of them "in\/0002\.PNG"/,
    );
  });

  it("is read without labels where some are missing, unless they were chosen", async () => {
    await work.put("a.tar", tar([...sample("1", "0"), picture("2.png")]));
    const images = await open("a.tar");
    expect([images.labels, images.warnings]).toEqual([
      undefined,
      [expect.stringMatching(/1 of 2 images have no "cls", the first of them "2\.png"; .* without labels/)],
    ]);
    expect(await refusal("a.tar", { labelColumn: "cls" })).toMatch(/1 of 2 images have no "cls"/);
    await work.put("b.tar", tar([...sample("1", "x".repeat(257)), ...sample("2", "1")]));
    expect((await open("b.tar")).warnings).toEqual([
      expect.stringMatching(/1\.cls has 257 bytes, where 256 are read; the images are read without labels/),
    ]);
    await work.put("c.tar", tar([picture("1.png"), { name: "1.json", content: "{" }]));
    expect((await open("c.tar")).labels).toBeUndefined();
    expect(await refusal("c.tar", { labelColumn: "genus" })).toMatch(/1\.json: not JSON text/);
  });

  it("with several images a sample is read by the chosen one", async () => {
    const pair = (key: string) => [picture(`${key}.input.png`), picture(`${key}.target.png`)];
    await work.put(
      "a.tar",
      tar([...pair("1"), ...pair("2"), picture("3.input.png"), { name: "1.cls", content: "0" }]),
    );
    expect(await refusal("a.tar")).toMatch(
      /sample "1" has several images; images: input\.png, target\.png; choose one with imageColumn \(--image-column\)/,
    );
    const targets = await open("a.tar", { imageColumn: "target.png" });
    expect(files(targets)).toEqual(["1.target.png", "2.target.png"]);
    expect(targets.warnings[0]).toMatch(/1 of 3 samples have no image "target\.png", and are left out/);
    expect(await refusal("a.tar", { imageColumn: "jpg" })).toMatch(
      /no sample has an image "jpg"; images: input\.png/,
    );
  });

  it("in several shards is one source: a folder of them, or a pattern", async () => {
    for (const i of [8, 9, 10, 11]) {
      const name = `w/a-${String(i).padStart(3, "0")}.tar`;
      await work.put(name, tar(sample(`s${i}`, String(i % 2))));
    }
    const all = await open("w");
    expect(files(all)).toEqual(["008", "009", "010", "011"].map((n) => `a-${n}.tar/s${Number(n)}.PNG`));
    expect(classes(all)).toEqual(["0", "1", "0", "1"]);
    for (const pattern of ["w/a-*.tar", "w/a-{008..011}.tar", "w/a-0{08,09,10,11}.tar", "w/a-0{0,1}?.tar"]) {
      expect([pattern, (await open(pattern)).fingerprint()]).toEqual([pattern, all.fingerprint()]);
    }
    expect((await open("w/a-{009..010}.tar")).count).toBe(2);
    expect(await refusal("w/a-{8..11}.tar")).toMatch(
      /there is no file "a-8\.tar" of these; check the pattern/,
    );
    expect(await refusal("w/a-{009..012}.tar")).toMatch(/there is no file "a-012\.tar" of these/);
    expect(await refusal("w/b-*.tar")).toMatch(/no \.parquet, \.tar or \.zip file matches/);
    expect(await refusal("w/{0..9999}{0..9999}.tar")).toMatch(/stands for over 100000 names/);
    expect(await refusal("w/{0..999999999}.tar")).toMatch(/stands for over 100000 names/);
    expect(await refusal("none/a-{1..2}.tar")).toMatch(/there is no such folder/);
  });
});

it("a pattern reads parquet files before archives, and zip archives too", async () => {
  await work.put("x-1.parquet", await readFile(fixture("plain_none")));
  await work.put("x-2.zip", zip([{ name: "a.png", content: image }]));
  await work.put("x-3.zip", zip([{ name: "a.png", content: image }]));
  expect(files(await open("x-{2,3}.zip"))).toEqual(["x-2.zip/a.png", "x-3.zip/a.png"]);
  expect((await open("x-*")).fileOf(0)).toBe("x-1.parquet:0");
});

it("a folder of arrays says that one is to be given", async () => {
  await mkdir(work.path("arrays"));
  await work.put("arrays/x.npy", "");
  expect(await refusal("arrays")).toMatch(
    /no images in this folder, but arrays; give one of them, such as .*x\.npy$/,
  );
});
