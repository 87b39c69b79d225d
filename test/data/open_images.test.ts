// Every kind of local source through `openImages`, which --data uses.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  type LocalImages,
  type OpenImagesOptions,
  openImageFiles,
  openImages,
} from "../../src/data/index.ts";
import { zip } from "../io/zip_writer.ts";
import { fixture, fixtureColor, png, workFolder } from "./support.ts";

const work = workFolder();

const open = (path: string, options: Partial<OpenImagesOptions> = {}): Promise<LocalImages> =>
  openImages(path, { size: 4, ...options });

async function refusal(path: string, options: Partial<OpenImagesOptions> = {}): Promise<string> {
  const error = await open(path, options).catch((reason: unknown) => reason);
  const message = error instanceof Error ? error.message : `no error: ${JSON.stringify(error)}`;
  expect(message).not.toContain("\n");
  return message;
}

const files = (images: LocalImages): string[] =>
  Array.from({ length: images.count }, (_, i) => images.fileOf(i));
const firstPixels = (images: LocalImages): number[][] =>
  Array.from({ length: images.count }, (_, i) => [...images.image(i).subarray(0, 3)]);
/** The class of each image, by name. */
const classes = ({ labels }: LocalImages): (string | undefined)[] | undefined =>
  labels && Array.from(labels.of, (of) => labels.names[of]);

async function putImages(...names: string[]): Promise<void> {
  for (const [i, name] of names.entries()) await work.put(name, await png([i, 2 * i, 3 * i]));
}

describe("parquet files", () => {
  it("are read by the features that Hugging Face datasets wrote, with the dataset's own classes", async () => {
    const images = await open(fixture("hugging_face"));
    expect(images.count).toBe(10);
    expect(firstPixels(images)).toEqual(Array.from({ length: 10 }, (_, i) => fixtureColor(i)));
    expect(images.fileOf(4)).toBe("hugging_face.parquet:4");
    expect(images.labels?.names).toEqual(["wasp", "ant", "bee", "moth"]);
    expect([...(images.labels?.of ?? [])]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
  });

  it("are read by shape: the only column of bytes; labels only where asked for", async () => {
    const images = await open(fixture("plain_zstd"));
    expect(firstPixels(images)).toEqual(Array.from({ length: 5 }, (_, i) => fixtureColor(i)));
    expect(images.labels).toBeUndefined();
    const labelled = await open(fixture("plain_zstd"), { labelColumn: "kind" });
    expect(classes(labelled)).toEqual(["a", "b", "c", "a", "b"]);
    expect(labelled.fingerprint()).not.toBe(images.fingerprint());
  });

  it("say which columns there are", async () => {
    expect(await refusal(fixture("no_images"))).toMatch(
      /no column of images; columns: text \(string\), number \(integer\)/,
    );
    expect(await refusal(fixture("two_images"))).toMatch(
      /several columns could hold the images; columns: before/,
    );
    expect((await open(fixture("two_images"), { imageColumn: "after" })).count).toBe(2);
    expect(await refusal(fixture("hugging_face"), { imageColumn: "picture" })).toMatch(
      /no column "picture"; columns: image \(Image\), label \(ClassLabel\), caption \(string\)/,
    );
    expect(await refusal(fixture("hugging_face"), { imageColumn: "label" })).toMatch(
      /"label" holds no image files/,
    );
    expect(await refusal(fixture("hugging_face"), { labelColumn: "genus" })).toMatch(
      /no column "genus"; columns/,
    );
    expect(await refusal(fixture("hugging_face"), { labelColumn: "image" })).toMatch(
      /"image" holds no labels/,
    );
  });

  it("report rows without an image as broken, and leave labels out that have gaps", async () => {
    expect(await refusal(fixture("gaps"))).toMatch(
      /2 of 3 files cannot be read as images: "gaps.parquet:0" \(no image in this row\), "gaps.parquet:1" \(a path in place/,
    );
    const images = await open(fixture("gaps"), { onBroken: "skip" });
    expect(files(images)).toEqual(["gaps.parquet:2"]);
    expect(images.labels).toBeUndefined();
    expect(images.warnings[0]).toMatch(
      /1 of 3 rows have no label in column "label", the first of them row 2/,
    );
    expect(await refusal(fixture("gaps"), { labelColumn: "label" })).toMatch(/1 of 3 rows have no label/);
  });

  it("are read by split, from a folder or by a pattern", async () => {
    await mkdir(work.path("data"));
    for (const name of ["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"]) {
      await copyFile(fixture("hugging_face"), work.path(`data/${name}.parquet`));
    }
    await work.put("README.md", "about");
    const train = await open(work.path());
    expect(train.count).toBe(20);
    expect(train.fileOf(10)).toBe("data/train-00001-of-00002.parquet:0");
    expect(firstPixels(train)[13]).toEqual(fixtureColor(3));
    expect(train.labels?.of[11]).toBe(1);
    expect(train.warnings).toEqual([expect.stringMatching(/the split train is read, not test/)]);
    const test = await open(work.path(), { split: "test" });
    expect([test.count, test.warnings]).toEqual([10, []]);
    expect(await refusal(work.path(), { split: "val" })).toMatch(/no split "val"; found: test, train/);
    expect((await open(work.path("data/train-*.parquet"))).count).toBe(20);
    expect(await refusal(work.path("data/none-*.parquet"))).toMatch(
      /no \.parquet, \.tar or \.zip file matches/,
    );
    expect(await refusal(fixture("plain_none"), { split: "test" })).toMatch(
      /the names of the files tell of none/,
    );
    await copyFile(fixture("plain_none"), work.path("data/train-00002-of-00002.parquet"));
    expect(await refusal(work.path())).toMatch(/column "image" is image struct in .*, but missing in/);
  });
});

describe("zip archives", () => {
  it("have the names, order and fingerprint of the folder that they hold", async () => {
    await putImages("in/b/2.png", "in/a/1.png", "in/c.png");
    const names = ["b/2.png", "c.png", "a/1.png"];
    const entries = await Promise.all(
      names.map(async (name) => ({ name, content: await readFile(work.path(`in/${name}`)) })),
    );
    const extra = { name: "__MACOSX/b/._2.png", content: "no image" };
    await work.put("a.zip", zip([...entries, extra, { name: "b/.hidden.png", content: "" }]));
    const images = await open(work.path("a.zip"));
    const folder = await open(work.path("in"));
    expect(files(images)).toEqual(["a/1.png", "b/2.png", "c.png"]);
    expect(images.fingerprint()).toBe(folder.fingerprint());
    expect(firstPixels(images)).toEqual(firstPixels(folder));
  });

  it("may hold metadata and splits; a folder of one is read as it", async () => {
    const image = await png([1, 2, 3]);
    const metadata = { name: "set/train/metadata.csv", content: "file_name,label\n1.png,x\n2.png,y\n" };
    const names = ["set/train/1.png", "set/train/2.png", "set/test/3.png"];
    await work.put("sub/a.zip", zip([...names.map((name) => ({ name, content: image })), metadata]));
    const images = await open(work.path("sub"), { split: "train" });
    expect(files(images)).toEqual(["set/train/1.png", "set/train/2.png"]);
    expect(classes(images)).toEqual(["x", "y"]);
    expect(await refusal(work.path("sub"), { split: "dev" })).toMatch(
      /no folder "dev" .*found: set, test, train/,
    );
  });

  it("are read together where a folder holds several, by split if they have any", async () => {
    const image = await png([1, 2, 3]);
    const archive = (...names: string[]) => zip(names.map((name) => ({ name, content: image })));
    await work.put("some/1.zip", archive("cat/a.png", "dog/a.png"));
    await work.put("some/2.zip", archive("ant/a.png", "dog/b.png"));
    const images = await open(work.path("some"));
    expect(files(images)).toEqual([
      "1.zip/cat/a.png",
      "1.zip/dog/a.png",
      "2.zip/ant/a.png",
      "2.zip/dog/b.png",
    ]);
    expect(images.labels?.names).toEqual(["ant", "cat", "dog"]);
    expect(classes(images)).toEqual(["cat", "dog", "ant", "dog"]);
    await work.put("parts/train.zip", archive("a.png", "b.png"));
    await work.put("parts/test.zip", archive("c.png", "d.png"));
    const test = await open(work.path("parts"), { split: "test" });
    expect(files(test)).toEqual(["test.zip/c.png", "test.zip/d.png"]);
    expect((await open(work.path("parts"))).warnings).toEqual([
      expect.stringMatching(/train is read, not test/),
    ]);
  });

  it("name what is broken, and are refused when they look like an attack", async () => {
    const image = await png([1, 2, 3]);
    await work.put("a.zip", zip([{ name: "a.png", content: image, says: { crc32: 7 } }]));
    expect(await refusal(work.path("a.zip"))).toMatch(
      /1 of 1 file .*"a.png" \(damaged in the archive\); repair/,
    );
    await work.put("b.zip", zip([{ name: "../a.png", content: image }]));
    expect(await refusal(work.path("b.zip"))).toMatch(/"..\/a.png" in it leads out of the archive/);
    const names = ["a.png", "b.png"].map((name) => ({ name, content: image }));
    const table = { name: "metadata.csv", content: "file_name,label\n", says: { crc32: 7 } };
    await work.put("d.zip", zip([...names, table]));
    expect((await open(work.path("d.zip"))).warnings).toEqual([
      expect.stringMatching(
        /metadata.csv cannot be read: damaged in the archive; the images are read without/,
      ),
    ]);
    expect(await refusal(work.path("d.zip"), { labelColumn: "label" })).toMatch(/damaged in the archive$/);
    await work.put("c.zip", zip([{ name: "a.txt", content: "x" }]));
    expect(await refusal(work.path("c.zip"))).toMatch(/no images in this archive/);
    expect(await refusal(work.path("b.zip"), { imageColumn: "x" })).toMatch(/has no columns of images/);
  });
});

describe("lists", () => {
  it("name files from the folder they are in, in their order", async () => {
    await putImages("pictures/a.png", "pictures/b.png");
    await work.put("lists/some.txt", `\uFEFF../pictures/b.png\r\n\r\n${work.path("pictures/a.png")}\n`);
    const images = await open(work.path("lists/some.txt"));
    expect(firstPixels(images)).toEqual([
      [1, 2, 3],
      [0, 0, 0],
    ]);
    await work.put("lists/lost.txt", "nowhere.png\n");
    expect(await refusal(work.path("lists/lost.txt"))).toMatch(/"nowhere.png" \(ENOENT/);
    await work.put("lists/empty.txt", "\n");
    expect(await refusal(work.path("lists/empty.txt"))).toMatch(/no paths in this list/);
  });
});

describe("labels of files", () => {
  it("come from metadata.csv or metadata.jsonl: asked for, or in a column called label", async () => {
    await putImages("a.png", "b.png", "c.png");
    await work.put(
      "metadata.csv",
      'file,genus,label\na.png,"Papilio, L.",2\nb.png,Troides,10\nc.png,Troides,2\n',
    );
    expect(classes(await open(work.path(), { labelColumn: "genus" }))).toEqual([
      "Papilio, L.",
      "Troides",
      "Troides",
    ]);
    const found = await open(work.path());
    expect(found.labels?.names).toEqual(["2", "10"]); // by number
    expect(classes(found)).toEqual(["2", "10", "2"]);
    expect(await refusal(work.path(), { labelColumn: "sex" })).toMatch(
      /metadata.csv has no column "sex"; its columns: file, genus, label/,
    );
    await work.put("metadata.csv", "name,genus\na.png,x\n");
    expect(await refusal(work.path(), { labelColumn: "genus" })).toMatch(/no column file_name/);
    expect((await open(work.path())).labels).toBeUndefined();
  });

  it("come from lines of JSON", async () => {
    await putImages("a.png", "b.png");
    const lines = [
      { file_name: "b.png", label: true },
      { label: "no", file_name: "./a.png" },
    ];
    await work.put("metadata.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    expect(classes(await open(work.path()))).toEqual(["no", "true"]);
    await work.put("metadata.jsonl", "[1]\n");
    expect(await refusal(work.path(), { labelColumn: "label" })).toMatch(/line 1 is not a JSON object/);
    const images = await open(work.path());
    expect(images.labels).toBeUndefined();
    expect(images.warnings).toEqual([expect.stringMatching(/line 1 .*; the images are read without labels/)]);
  });

  it("must be there for every image", async () => {
    await putImages("a.png", "b.png");
    await work.put("metadata.csv", "file_name,label\na.png,x\nb.png,\n");
    const expected = /1 of 2 images have no "label" in metadata.csv, the first of them "b.png"/;
    expect(await refusal(work.path(), { labelColumn: "label" })).toMatch(expected);
    const images = await open(work.path());
    expect(images.labels).toBeUndefined();
    expect(images.warnings[0]).toMatch(expected);
  });

  it("are the folders, where every image lies in one of several side by side", async () => {
    await putImages("set/cat/1.png", "set/cat/2.png", "set/dog/1.png");
    const images = await open(work.path());
    expect(classes(images)).toEqual(["cat", "cat", "dog"]);
    await work.put("set/dog/bad.png", "no image");
    expect(classes(await open(work.path(), { onBroken: "skip" }))).toEqual(["cat", "cat", "dog"]);
  });

  it("are none where folders are splits, or images lie elsewhere too", async () => {
    await putImages("s/train/1.png", "s/test/1.png");
    expect((await open(work.path())).labels).toBeUndefined();
    await putImages("t/cat/1.png", "t/dog/1.png", "t/1.png");
    expect((await open(work.path("t"))).labels).toBeUndefined();
    expect(await refusal(work.path("t"), { labelColumn: "kind" })).toMatch(
      /no metadata.csv or metadata.jsonl with the labels "kind"; write one/,
    );
  });

  it("follow the split", async () => {
    await putImages("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.png");
    const images = await open(work.path(), { split: "train" });
    expect(files(images)).toEqual(["train/cat/1.png", "train/dog/1.png"]);
    expect(classes(images)).toEqual(["cat", "dog"]);
  });
});

describe("openImages", () => {
  it("says what is no source", async () => {
    expect(await refusal(work.path("none"))).toMatch(/there is no such folder or file/);
    await writeFile(work.path("a.rar"), "x");
    expect(await refusal(work.path("a.rar"))).toMatch(
      /this is a file of a kind that is not read; give a folder/,
    );
    await mkdir(work.path("empty"));
    expect(await refusal(work.path("empty"))).toMatch(/no images in this folder; put JPEG/);
  });

  it("reads images before the tables, archives and arrays beside them, and says so", async () => {
    await putImages("a.png", "b.png");
    await copyFile(fixture("plain_none"), work.path("t.parquet"));
    for (const name of ["a.npy", "s-0.tar", "s-1.tar"]) await work.put(name, "");
    const images = await open(work.path(), { name: "mine" });
    expect([images.count, images.name]).toEqual([2, "mine"]);
    expect(images.warnings).toEqual([
      expect.stringMatching(
        /^mine: the images are read, and 4 other files left out \(\.npy, \.tar, \.parquet\); give those .*a\.npy$/,
      ),
    ]);
  });

  it("reads files that were chosen already, by their names below a root", async () => {
    await copyFile(fixture("hugging_face"), work.path("b.parquet"));
    await copyFile(fixture("hugging_face"), work.path("a.parquet"));
    const paths = [work.path("b.parquet"), work.path("a.parquet")];
    const options = { size: 4, name: "hf:some/thing", split: "train" };
    const images = await openImageFiles({ kind: "parquet", root: work.path(), paths }, options);
    expect([images.name, images.count]).toEqual(["hf:some/thing", 20]);
    expect([images.fileOf(0), images.fileOf(19)]).toEqual(["b.parquet:0", "a.parquet:9"]);
    await putImages("in/cat/1.png", "in/dog/1.png");
    const folder = { kind: "folder", root: work.path(), paths: [work.path("in")] } as const;
    expect(files(await openImageFiles(folder, options))).toEqual(["cat/1.png", "dog/1.png"]);
    const content = await png([0, 0, 0]);
    for (const name of ["1.zip", "2.zip"]) await work.put(`z/${name}`, zip([{ name: "a.png", content }]));
    const archives = {
      kind: "zip",
      root: work.path(),
      paths: [work.path("z/1.zip"), work.path("z/2.zip")],
    } as const;
    expect(files(await openImageFiles(archives, options))).toEqual(["z/1.zip/a.png", "z/2.zip/a.png"]);
  });

  it("tells of the originals", async () => {
    await work.put("a.png", await png([1, 2, 3], 9));
    await work.put("b.png", await png([1, 2, 3], 7));
    const { originals } = await open(work.path());
    expect([...originals.widths, ...originals.heights]).toEqual([9, 7, 9, 7]);
    expect(originals.kinds).toEqual(["png, 3 channels", "png, 3 channels"]);
  });
});
