// Data sets that the studio's server reads: what it tells of them, whom it lets name which, and its bounds.

import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataSets } from "../../src/cli/studio/data_sets.ts";
import { Models } from "../../src/cli/studio/models.ts";
import { Runs } from "../../src/cli/studio/runs.ts";
import { createStudioServer } from "../../src/cli/studio/server.ts";
import { Trainings } from "../../src/cli/studio/trainings.ts";
import { synthetic } from "../../src/data/index.ts";
import { BIN, said, workFolder } from "./support.ts";

const work = workFolder();
const servers: Server[] = [];
const opened: DataSets[] = [];

async function serve(mayNameAny: boolean): Promise<string> {
  const hosts = new Set<string>();
  const dataSets = new DataSets();
  opened.push(dataSets);
  const server = createStudioServer({
    ...{
      page: new Map(),
      runs: new Runs(work.path("runs")),
      models: new Models(work.path("runs")),
      trainings: new Trainings([process.execPath, BIN]),
    },
    ...{ dataSets, mayNameAny, access: { hosts, token: null }, about: {} },
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  hosts.add(`127.0.0.1:${address.port}`);
  return `http://127.0.0.1:${address.port}`;
}

let home = "";
beforeAll(async () => {
  const drawn = synthetic({ size: 40, count: 4 });
  await Promise.all(["ants", "bees"].map((name) => mkdir(work.path(`images/${name}`), { recursive: true })));
  const image = (index: number) => sharp(drawn.image(index), { raw: { width: 40, height: 40, channels: 3 } });
  for (const index of [0, 1])
    await image(index)
      .png()
      .toFile(work.path(`images/ants/${index}.png`));
  await image(0).jpeg({ quality: 90 }).toFile(work.path("images/bees/copy.jpg"));
  await image(3).resize(60, 40).png().toFile(work.path("images/bees/wide.png"));
  await writeFile(work.path("images/bees/broken.png"), "no image");
  await mkdir(work.path("empty"));
  await said([
    ...[
      "train",
      "--data",
      work.path("images"),
      "--skip-broken",
      "--out",
      work.path("runs/one"),
      "--size",
      "8",
    ],
    ...["--model", work.path("model.json"), "--batch-size", "2", "--steps", "1"],
    ...["--sample-every", "0", "--backend", "reference"],
  ]);
  home = await serve(true);
});
afterAll(() => {
  for (const dataSets of opened) dataSets.closeAll();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

const get = (path: string, at = home) => fetch(`${at}/api/data/${path}`);
async function read(path: string, at = home) {
  const response = await get(path, at);
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return JSON.parse(await response.text());
}
const post = (json: unknown, at = home) =>
  fetch(`${at}/api/data`, {
    method: "POST",
    headers: { origin: at, "content-type": "application/json" },
    body: JSON.stringify(json),
  });
const errorOf = async (response: Response): Promise<string> => JSON.parse(await response.text()).error;

const FORM = { size: { width: 16, height: 16 }, channels: "auto", fit: "crop" };
const from = (source: string, more = {}) => ({ ...FORM, from: { kind: "source", source }, ...more });
const images = () => from(work.path("images"));

/** Opens a data set, and waits for what `done` wants of its status. */
async function open(form: unknown, done: "isRead" | "isSearched" | "problem", at = home): Promise<string> {
  const response = await post(form, at);
  expect(response.status).toBe(200);
  const { id } = JSON.parse(await response.text());
  await expect
    .poll(() => read(id, at), { timeout: 20_000 })
    .toSatisfy((status) => {
      if (done !== "problem" && status.problem !== null) throw new Error(status.problem);
      return Boolean(status[done]);
    });
  return id;
}

describe("a folder", () => {
  test("is told of: sizes, formats, labels, broken files, near-duplicates", async () => {
    const id = await open(images(), "isSearched");
    expect(await read(id)).toEqual({ stage: null, isRead: true, isSearched: true, problem: null });
    expect(await read(`${id}/summary`)).toMatchObject({
      ...{ count: 4, size: { width: 16, height: 16 }, channels: 3 },
      labels: {
        classes: 2,
        listed: [
          { label: 0, name: "ants", count: 2 },
          { label: 1, name: "bees", count: 2 },
        ],
      },
      originals: {
        ...{ smallest: [40, 40], largest: [60, 40], usual: { size: [40, 40], count: 3 } },
        kinds: { "png, 3 channels": 3, "jpeg, 3 channels": 1 },
      },
      broken: { files: 1, listed: [{ file: "bees/broken.png", problem: "not an image" }] },
    });
    expect(await read(`${id}/near`)).toMatchObject({
      ...{ count: 1, isComplete: true, pairs: [[0, 2, expect.any(Number)]] },
    });
    const entries = await read(`${id}/entries?label=1&from=0&count=9`);
    expect(entries.map(({ name }: { name: string }) => name)).toEqual(["bees/copy.jpg", "bees/wide.png"]);
    expect(await read(`${id}/entries?images=3`)).toEqual([
      {
        ...{ index: 3, name: "bees/wide.png", label: "bees" },
        original: { width: 60, height: 40, kind: "png, 3 channels" },
      },
    ]);
    expect(await read(`${id}/entries?from=3&count=9`)).toHaveLength(1);
  });

  test("is shown: its images in one picture, exact or scaled down", async () => {
    const id = await open(from("synthetic"), "isRead");
    const answer = await get(`${id}/pictures?images=5,2`);
    expect(answer.headers.get("content-type")).toBe("image/png");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    const { data, info } = await sharp(await answer.arrayBuffer())
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([16, 32]);
    const drawn = synthetic({ size: 16 });
    expect(new Uint8Array(data)).toEqual(Uint8Array.from([...drawn.image(5), ...drawn.image(2)]));
    const small = await get(`${id}/pictures?images=5,2&side=4`);
    expect(await sharp(await small.arrayBuffer()).metadata()).toMatchObject({ width: 4, height: 8 });
  });

  test("of a run is read as that run chose it", async () => {
    const id = await open({ ...FORM, from: { kind: "run", run: "one" } }, "isRead");
    expect(await read(`${id}/summary`)).toMatchObject({ count: 4, name: work.path("images") });
  });
});

describe("what cannot be read", () => {
  test.each([
    [
      "a path that is not there",
      () => work.path("nowhere"),
      /there is no such folder or file; check the path/,
    ],
    ["a folder without images", () => work.path("empty"), /no images/],
    ["a path with a zero byte", () => "a\0b", /a\\u0000b/],
    ["a file of another kind", () => work.path("model.json"), /this is a file of a kind that is not read/],
  ])("%s is told in the words of the command", async (_, source, words) => {
    const id = await open(from(source()), "problem");
    const { problem, isRead, stage } = await read(id);
    expect(problem).toMatch(words);
    expect([isRead, stage]).toEqual([false, null]);
    expect((await get(`${id}/summary`)).status).toBe(409);
    expect((await get(`${id}/pictures?images=0`)).status).toBe(409);
  });

  test.each([
    ["a size that is too large", { size: { width: 5000, height: 8 } }],
    ["half a pixel", { size: { width: 8.5, height: 8 } }],
    ["an unknown fit", { fit: "zoom" }],
    ["two channels", { channels: 2 }],
    ["a colour that is none", { ground: "red" }],
    ["an option that does not exist", { cacheFolder: "/tmp" }],
    ["an empty name", { from: { kind: "source", source: " " } }],
    ["a name that is very long", { from: { kind: "source", source: "x".repeat(5000) } }],
    ["a source of another kind", { from: { kind: "url", source: "x" } }],
  ])("%s is refused before anything is read", async (_, wrong) => {
    const response = await post({ ...images(), ...wrong });
    expect(response.status).toBe(400);
    expect(await errorOf(response)).not.toContain("\n");
  });

  test("drawn butterflies that would fill the memory are refused, and runs that are not there", async () => {
    const large = await post(from("synthetic", { size: { width: 512, height: 512 } }));
    expect([large.status, await errorOf(large)]).toEqual([422, expect.stringContaining("up to 256 pixels")]);
    const nowhere = await post({ ...FORM, from: { kind: "run", run: "../up" } });
    expect(nowhere.status).toBe(404);
  });

  test("images that are not there, and more than fit into an answer", async () => {
    const id = await open(images(), "isRead");
    const many = Array.from({ length: 300 }, () => 0).join();
    for (const query of [
      ...["pictures", "pictures?images=", "pictures?images=4", "pictures?images=-1", "pictures?images=0,x"],
      ...[`pictures?images=${many}`, "pictures?images=0&side=0", "pictures?images=0&side=1e3"],
      ...["entries?from=0&count=0", "entries?from=0&count=201", "entries?from=-1&count=1", "entries"],
      ...[`entries?images=${many}`, "entries?from=0&count=1&label=x"],
    ]) {
      const response = await get(`${id}/${query}`);
      expect(response.status, query).toBe(400);
      expect((await errorOf(response)).length, query).toBeLessThan(300);
    }
    const large = await open({ ...images(), size: { width: 1024, height: 1024 } }, "isRead");
    const eight = Array.from({ length: 8 }, () => 1).join();
    expect((await get(`${large}/pictures?images=${eight},1`)).status).toBe(400);
    expect((await get(`${large}/pictures?images=${eight}`)).status).toBe(200);
    expect((await get(`${large}/other`)).status).toBe(404);
    expect((await get("none")).status).toBe(404);
  });
});

describe("what is open", () => {
  test("are the last two; the one before is closed, and so is one that is given back", async () => {
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push(await open(images(), "isRead"));
    const [first, second, third] = ids;
    const gone = await get(first);
    expect([gone.status, await errorOf(gone)]).toEqual([404, expect.stringContaining("no longer open")]);
    expect((await get(second)).status).toBe(200);
    const closed = await fetch(`${home}/api/data/${third}`, { method: "DELETE", headers: { origin: home } });
    expect(closed.status).toBe(200);
    expect((await get(third)).status).toBe(404);
    const foreign = await fetch(`${home}/api/data/${second}`, { method: "DELETE" });
    expect(foreign.status).toBe(403);
  });

  test("answers others while it looks for near-duplicates", async () => {
    const id = await open(from("synthetic", { size: { width: 128, height: 128 } }), "isRead");
    const { stage } = await read(id);
    expect(stage.text).toBe("looking for near-duplicates");
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => fetch(`${home}/api/runs`).then(({ status }) => status)),
    );
    expect(answers).toEqual([200, 200, 200, 200, 200]);
    expect((await read(id)).isSearched).toBe(false);
  });
});

describe("a studio that other machines reach", () => {
  test("shows the drawn butterflies and the data of its runs, but no other path of the disk", async () => {
    const at = await serve(false);
    for (const source of [work.path("images"), "images", "./synthetic", "/", "synthetic/", "hf:../../etc"]) {
      const response = await post(from(source), at);
      // What begins like a name of the Hub is never a path.
      if (source.startsWith("hf:")) {
        const { id } = JSON.parse(await response.text());
        await expect.poll(async () => (await read(id, at)).problem).toMatch(/hf:/);
      } else {
        expect(response.status, source).toBe(403);
        expect(await errorOf(response)).toContain("open to other machines");
      }
    }
    const run = await open({ ...FORM, from: { kind: "run", run: "one" } }, "isRead", at);
    expect(await read(`${run}/summary`, at)).toMatchObject({ count: 4 });
    await open(from("synthetic"), "isRead", at);
  });

  test("trains on nothing of the disk that its form does not show", async () => {
    const at = await serve(false);
    const train = (options: object) =>
      fetch(`${at}/api/trainings`, {
        ...{ method: "POST", headers: { "Content-Type": "application/json", Origin: at } },
        body: JSON.stringify({ name: "theirs", options }),
      });
    for (const options of [
      { data: work.path("images") },
      { data: "images" },
      { init: work.path("runs/one") },
    ]) {
      const response = await train(options);
      expect(response.status, JSON.stringify(options)).toBe(403);
      expect(await errorOf(response)).toContain("open to other machines");
    }
    // What may be named comes to imago train, which refuses the rest.
    const allowed = await train({ data: "synthetic", batchSize: "many" });
    expect([allowed.status, await errorOf(allowed)]).toEqual([422, expect.stringContaining("--batch-size")]);
  });
});
