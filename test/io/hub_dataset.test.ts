import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { expect, test, vi } from "vitest";
import type { DatasetOptions } from "../../src/io/hub/dataset.ts";
import { fetchDataset, hubSettings } from "../../src/io/hub/index.ts";
import { testHub } from "../support/hub.ts";

const hub = testHub();
let count = 0;
/** A data set of files whose content is their name. */
function dataset(...paths: string[]): string {
  const id = `data/set${count++}`;
  hub.add(id, Object.fromEntries(paths.map((path) => [path, `in ${path}`])), { kind: "dataset" });
  return id;
}
/** Kind, and paths relative to the snapshot. */
async function found(id: string, options: DatasetOptions = {}): Promise<string[]> {
  const { kind, paths, revision } = await fetchDataset(id, options);
  const { cache } = await hubSettings();
  const folder = join(cache, `datasets--${id.replace("/", "--")}`, "snapshots", revision);
  return [kind, ...paths.map((path) => relative(folder, path))];
}
const lines = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: Error) => error.message,
  );
const downloaded = () =>
  hub.paths
    .filter((path) => /resolve/.test(path))
    .map((path) => basename(path))
    .sort();

test("the shards of a split, by the names that the Hub gives them", async () => {
  const shards = [
    "data/train-00000-of-00002.parquet",
    "data/train-00001-of-00002.parquet",
    "data/test-00000-of-00001.parquet",
  ];
  const id = dataset("README.md", ...shards, "dataset_infos.json");
  expect(await found(id)).toEqual(["parquet", shards[0], shards[1]]);
  expect(downloaded()).toEqual(["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]);
  expect(await found(id, { split: "test" })).toEqual(["parquet", shards[2]]);
  expect(await lines(fetchDataset(id, { split: "extra" }))).toBe(
    `hf:${id}: there is no split "extra"; it has test, train; choose with --split`,
  );
  for (const [paths, split, expected] of [
    [["data/train-00000-of-00001-0123abcd.parquet"], undefined, [0]],
    [["butterflies.parquet"], undefined, [0]],
    [["butterflies.parquet"], "train", [0]],
    [["part1.parquet", "part0.parquet"], undefined, [1, 0]],
    [["train.parquet", "valid.parquet"], "validation", [1]],
    [["my_dev_set.parquet", "training.parquet"], undefined, [1]],
    [
      ["default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"],
      undefined,
      [0, 1],
    ],
    [["data/genuine-00000-of-00001.parquet"], undefined, [0]],
    [["data/a-00000-of-00001.parquet", "data/b-00000-of-00001.parquet"], "b", [1]],
    [["full/train-00000-of-00001.parquet", "crop/train-00000-of-00001.parquet"], "crop/train", [1]],
    [["x/test/0000.parquet", "default/test/0000.parquet"], "test", [1]],
    [["train.zip", "test.zip", "samples/a.png"], undefined, [0]],
    [["images.zip", ".hidden/x.zip"], undefined, [0]],
  ] as const) {
    const kind = /\w+$/.exec(paths[0])?.[0];
    expect(await found(dataset(...paths), { split })).toEqual([kind, ...expected.map((i) => paths[i])]);
  }
  for (const [paths, split, message] of [
    [
      ["data/a-00000-of-00001.parquet", "data/b-00000-of-00001.parquet"],
      undefined,
      "it is not clear which split is meant; it has a, b; choose with --split",
    ],
    [
      ["full/train/0.parquet", "crop/train/0.parquet"],
      undefined,
      "it has several configurations; choose with --split crop/train or full/train",
    ],
    [
      ["full/train/0.parquet", "crop/train/0.parquet"],
      "small/train",
      'there is no configuration "small"; choose with --split crop/train or full/train',
    ],
    [["images.zip"], "test", 'there is no split "test"; it has no splits; choose with --split'],
    [["data.csv"], undefined, "there are no parquet files, zip archives or images in it"],
  ] as const) {
    expect(await lines(fetchDataset(dataset(...paths), { split }))).toContain(message);
  }
});

test("loose images with what is known of them, and no others", async () => {
  const id = dataset(
    "README.md",
    "train/monarch/a.png",
    "train/monarch/b.JPG",
    "train/blue/c.png",
    "train/metadata.csv",
    "test/blue/d.png",
    "test/metadata.csv",
  );
  expect(await found(id)).toEqual(["folder", "train"]);
  expect(downloaded()).toEqual(["a.png", "b.JPG", "c.png", "metadata.csv"]);
  expect(await found(id, { split: "test" })).toEqual(["folder", "test"]);
  const [folder = ""] = (await fetchDataset(id)).paths;
  expect(await readFile(join(folder, "metadata.csv"), "utf8")).toBe("in train/metadata.csv");
  expect(await found(dataset("a.png", "metadata.jsonl"))).toEqual(["folder", ""]);
  expect(await found(dataset("images/a.png", "metadata.jsonl"))).toEqual(["folder", ""]);
  // A train is a thing, too.
  const things = dataset("plane/a.png", "train/b.png", "test tube/c.png");
  hub.forget();
  expect(await found(things)).toEqual(["folder", ""]);
  expect(downloaded()).toEqual(["a.png", "b.png", "c.png"]);
});

test("what the Hub has converted itself is taken where nothing else can be read", async () => {
  const id = dataset("loader.py", "archive.tar");
  hub.add(id, { "default/train/0000.parquet": "PAR1" }, { branch: "refs/convert/parquet" });
  expect(await found(id)).toEqual(["parquet", join("default", "train", "0000.parquet")]);
  expect(await lines(fetchDataset(id, { revision: "main" }))).toContain("there are no parquet files");
});

test("a part of the shards, left in the cache by another program, is not taken for all", async () => {
  const { cache } = await hubSettings();
  const repo = join(cache, "datasets--data--elsewhere");
  const commit = "0123456789012345678901234567890123456789";
  await mkdir(join(repo, "snapshots", commit), { recursive: true });
  await mkdir(join(repo, "blobs"), { recursive: true });
  await mkdir(join(repo, "refs"), { recursive: true });
  await writeFile(join(repo, "refs", "main"), commit);
  const add = async (name: string) => {
    await writeFile(join(repo, "blobs", name), name);
    await symlink(join("..", "..", "blobs", name), join(repo, "snapshots", commit, name));
  };
  await add("train-00000-of-00002.parquet");
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  expect(await lines(fetchDataset("data/elsewhere"))).toBe(
    "hf:data/elsewhere: the cache holds 1 of 2 files; download the others with a network",
  );
  await add("train-00001-of-00002.parquet");
  expect((await fetchDataset("data/elsewhere")).paths).toHaveLength(2);
  vi.stubEnv("HF_HUB_OFFLINE", "");
  await rm(repo, { recursive: true });
});
