import { existsSync } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { processes } from "#platform";
import { RESUMED_BYTES } from "../../src/io/hub/download.ts";
import { fetchFiles, type HubRepo, hubSettings, listRepo, parseHubName } from "../../src/io/hub/index.ts";
import type { HubSettings } from "../../src/io/hub/settings.ts";
import { deadEndpoint, HubServer, sha256, TOKEN } from "./hub_server.ts";

const hub = new HubServer();
let home: string;
let settings: HubSettings;
beforeAll(() => hub.start());
afterAll(() => hub.stop());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "imago-hub-"));
  settings = { endpoint: hub.endpoint, cache: join(home, "hub"), offline: false, retryMs: 1 };
  hub.forget();
});
afterEach(() => rm(home, { recursive: true, force: true }));

const large = (size: number, seed = 1) =>
  Uint8Array.from({ length: size }, (_, i) => (i * seed * 31 + (i >> 8)) % 251);
const list = (id: string, more: Partial<HubSettings> = {}, revision?: string) =>
  listRepo("model", id, revision, { settings: { ...settings, ...more } });
const lines = (work: Promise<unknown>) =>
  work.then(
    () => "no error",
    (error: Error) => error.message,
  );
/** The repository with some of its settings changed. */
const as = (repo: HubRepo, more: Partial<HubSettings>): HubRepo => ({
  ...repo,
  settings: { ...settings, ...more },
});

test("names of repositories, and what is none", () => {
  expect(parseHubName("hf:huggan/smithsonian_butterflies_subset")).toEqual({
    id: "huggan/smithsonian_butterflies_subset",
    revision: undefined,
  });
  expect(parseHubName("hf:a/b.c-d@refs/convert/parquet")).toEqual({
    id: "a/b.c-d",
    revision: "refs/convert/parquet",
  });
  for (const wrong of [
    "hf:a",
    "hf:a/b/c",
    "hf:../b",
    "hf:a/..",
    "hf:a/b--c",
    "hf:a/b@x@y",
    "a/b",
    "hf:",
    "hf:a/b c",
  ]) {
    expect(() => parseHubName(wrong)).toThrow("expected hf:OWNER/NAME or hf:OWNER/NAME@REVISION");
  }
  for (const wrong of ["", "../x", "a..b", "a//b", "a/", "-a", "a b"]) {
    expect(() => parseHubName(`hf:a/b@${wrong}`)).toThrow("is not a branch, a tag or a commit");
  }
});

test("settings come from the places where Python looks for them", async () => {
  expect(await hubSettings({}, { HF_HOME: home })).toEqual({
    endpoint: "https://huggingface.co",
    cache: join(home, "hub"),
    offline: false,
    retryMs: 500,
  });
  await writeFile(join(home, "token"), "hf_fromFile\n");
  const tokens = async (env: Record<string, string>, token?: string) =>
    (await hubSettings(token === undefined ? {} : { token }, { HF_HOME: home, ...env })).token;
  expect(await tokens({})).toBe("hf_fromFile");
  expect(await tokens({ HUGGING_FACE_HUB_TOKEN: "hf_old" })).toBe("hf_old");
  expect(await tokens({ HUGGING_FACE_HUB_TOKEN: "hf_old", HF_TOKEN: " hf_new\n" })).toBe("hf_new");
  expect(await tokens({ HF_TOKEN: "hf_new" }, "hf_given")).toBe("hf_given");
  expect(await tokens({ HF_TOKEN_PATH: join(home, "none") })).toBeUndefined();
  const moved = { HF_ENDPOINT: "http://mirror:8080/hf/", HF_HUB_CACHE: "/big/cache", HF_HUB_OFFLINE: "yes" };
  expect(await hubSettings({}, { ...moved, HF_HOME: home })).toMatchObject({
    endpoint: "http://mirror:8080/hf",
    cache: "/big/cache",
    offline: true,
    tokenFrom: join(home, "token"),
  });
  await expect(hubSettings({}, { HF_ENDPOINT: "huggingface.co" })).rejects.toThrow(
    'HF_ENDPOINT is "huggingface.co"',
  );
  await expect(hubSettings({}, { HF_TOKEN: "hf two" })).rejects.toThrow(
    "the token from HF_TOKEN holds spaces",
  );
});

test("files of a listing in pages come into Python's layout, and the second time from there", async () => {
  const weights = large(5000);
  const files = {
    "model_index.json": "{}",
    "unet/config.json": "{ }",
    "unet/w.safetensors": weights,
    "copy.bin": weights,
    "a b#?.txt": "odd",
  };
  const commit = hub.add("a/layout", files);
  const repo = await list("a/layout");
  expect(repo).toMatchObject({ commit, label: "hf:a/layout", revision: "main", isComplete: true });
  expect(repo.files.map(({ path }) => path)).toEqual(Object.keys(files));
  expect(hub.asked.filter(({ path }) => path.includes("/tree/"))).toHaveLength(2);

  const told: number[] = [];
  const paths = await fetchFiles(repo, Object.keys(files), { onProgress: ({ bytes }) => told.push(bytes) });
  for (const [i, content] of Object.values(files).entries())
    expect(await readFile(paths[i] ?? "")).toEqual(Buffer.from(content));
  expect(told.at(-1)).toBe(2 * weights.length + 8);
  expect(hub.asked.filter(({ host }) => host === "cdn")).toHaveLength(1);

  const root = join(settings.cache, "models--a--layout");
  expect(paths[2]).toBe(join(root, "snapshots", commit, "unet", "w.safetensors"));
  expect(await readFile(join(root, "refs", "main"), "utf8")).toBe(commit);
  expect((await lstat(paths[2] ?? "")).isSymbolicLink()).toBe(true);
  expect(await readlink(paths[2] ?? "")).toBe(join("..", "..", "..", "blobs", sha256(weights)));
  expect(await readdir(join(root, "blobs"))).toHaveLength(4);

  hub.forget();
  expect(await fetchFiles(await list("a/layout"), Object.keys(files))).toEqual(paths);
  expect(hub.paths).toEqual(["GET /api/models/a/layout/revision/main"]);
  hub.forget();
  expect(await fetchFiles(await list("a/layout", {}, commit), Object.keys(files))).toEqual(paths);
  expect(hub.paths).toEqual([]);

  const later = hub.add("a/layout", { "model_index.json": "{  }" });
  const next = await list("a/layout");
  expect(next.commit).toBe(later);
  expect(await readFile((await fetchFiles(next, ["model_index.json"]))[0] ?? "", "utf8")).toBe("{  }");
  hub.forget();
  await fetchFiles(next, ["unet/w.safetensors"]);
  expect(hub.paths).toEqual([]);
});

test("a cut connection goes on where it was cut, within a process and in the next one", async () => {
  const data = large(RESUMED_BYTES + 1000);
  hub.add("a/cut", { "w.bin": data });
  const repo = await list("a/cut");
  hub.cuts = [100_000, 50_000];
  const [path = ""] = await fetchFiles(repo, ["w.bin"]);
  expect(sha256(await readFile(path))).toBe(sha256(data));
  const ranges = hub.asked
    .filter(({ host }) => host === "cdn")
    .map(({ range }) => Number(/\d+/.exec(range ?? "0")));
  expect(ranges).toHaveLength(3);
  expect(ranges[0]).toBe(0);
  expect(ranges[2]).toBeGreaterThan(ranges[1] ?? 0);

  // What a process that is gone has left: its number is in the name, and none has this one.
  const blob = join(repo.folder, "..", "..", "blobs", sha256(data));
  const gone = (await processes.mark()).replace(/-\d+-/, "-4194999-");
  const left = async (content: Uint8Array) => {
    await rm(join(repo.folder, "w.bin"));
    await rename(blob, `${blob}.${gone}.incomplete`);
    await writeFile(`${blob}.${gone}.incomplete`, content);
    hub.forget();
    const [path = ""] = await fetchFiles(repo, ["w.bin"]);
    expect(sha256(await readFile(path))).toBe(sha256(data));
    expect(await readdir(join(blob, ".."))).toEqual([sha256(data)]);
    return hub.asked.filter(({ host }) => host === "cdn").map(({ range }) => range);
  };
  expect(await left(data.subarray(0, 250_000))).toEqual(["bytes=250000-"]);
  expect(await left(data)).toEqual([]);
  // A part that does not belong to it is thrown away.
  expect(await left(large(1000, 7))).toEqual(["bytes=1000-", undefined]);
  expect(await left(large(RESUMED_BYTES + 2000, 7))).toEqual([undefined]);
});

test("the work ends when it is told to, and what has arrived is kept", async () => {
  const data = large(RESUMED_BYTES);
  hub.add("a/stopped", { "w.bin": data });
  const repo = await list("a/stopped");
  const stop = new AbortController();
  hub.cuts = [100_000];
  const onProgress = ({ bytes }: { bytes: number }) => bytes > 0 && stop.abort(new Error("enough"));
  await expect(fetchFiles(repo, ["w.bin"], { signal: stop.signal, onProgress })).rejects.toThrow("enough");
  const [part = ""] = await readdir(join(repo.folder, "..", "..", "blobs"));
  expect(part).toMatch(/\.incomplete$/);
  await fetchFiles(repo, ["w.bin"]);
  expect(await readdir(join(repo.folder, "..", "..", "blobs"))).toEqual([sha256(data)]);
});

test("two that ask for the same file share one download, and one that is stopped does not stop the other", async () => {
  hub.add("a/shared", { "w.bin": large(RESUMED_BYTES, 3) });
  const repo = await list("a/shared");
  const stop = new AbortController();
  hub.cuts = [1000];
  const first = lines(
    fetchFiles(repo, ["w.bin"], { signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) }),
  );
  const [second, third] = [fetchFiles(repo, ["w.bin"]), fetchFiles(repo, ["w.bin"])];
  expect(await first).toBe("enough");
  expect(await second).toEqual(await third);
  expect(hub.asked.filter(({ host }) => host === "cdn").length).toBeLessThanOrEqual(2);
});

test("a disk without room is told before anything is asked for", async () => {
  hub.add("a/huge", { "w.bin": "x" });
  const repo = await list("a/huge");
  const files = repo.files.map((file) => ({ ...file, size: 2 ** 52 }));
  hub.forget();
  expect(await lines(fetchFiles({ ...repo, files }, ["w.bin"]))).toMatch(
    /: hf:a\/huge needs 4503599628 MB, but this disk has \d+ MB free; free some space, or set HF_HOME/,
  );
  expect(hub.asked).toEqual([]);
});

test("content that is not what the listing says is thrown away", async () => {
  hub.add("a/damaged", { "small.txt": "hello", "w.bin": large(2000) });
  const repo = await list("a/damaged");
  for (const path of ["small.txt", "w.bin"]) {
    hub.damaged.add(path);
    expect(await lines(fetchFiles(repo, [path]))).toBe(
      `hf:a/damaged: ${path} did not arrive as the Hub says it is (checksum mismatch); it was thrown away, try again`,
    );
    expect(await readdir(join(repo.folder, "..", "..", "blobs"))).toEqual([]);
    hub.damaged.delete(path);
  }
  await fetchFiles(repo, ["small.txt"]);
});

test("offline the cache is enough, and what is missing in it is told", async () => {
  const commit = hub.add("a/off", { "a.txt": "a", "b.txt": "b" });
  const offline = { offline: true };
  const hint = "and HF_HUB_OFFLINE is set; unset it to download";
  expect(await lines(list("a/off", offline))).toBe(
    `hf:a/off: revision "main" is not in the cache (${settings.cache}) ${hint}`,
  );
  const paths = await fetchFiles(await list("a/off"), ["a.txt"]);
  hub.forget();
  const repo = await list("a/off", offline);
  expect(repo).toMatchObject({ commit, isComplete: true });
  expect(await fetchFiles(repo, ["a.txt"])).toEqual(paths);
  expect(await lines(fetchFiles(repo, ["b.txt"]))).toBe(
    `hf:a/off: b.txt is not in the cache (${settings.cache}) ${hint}`,
  );
  // A snapshot that another program made: nobody knows whether it is whole.
  await rm(join(repo.folder, "..", "..", "trees"), { recursive: true });
  expect(await list("a/off", offline)).toMatchObject({
    isComplete: false,
    files: [{ path: "a.txt", size: 1 }],
  });
  expect(hub.asked).toEqual([]);

  const gone = { endpoint: await deadEndpoint() };
  const warnings: string[] = [];
  const cached = await listRepo("model", "a/off", undefined, {
    settings: { ...settings, ...gone },
    warn: (message) => warnings.push(message),
  });
  expect(await fetchFiles(cached, ["a.txt"])).toEqual(paths);
  expect(warnings).toEqual([
    expect.stringMatching(
      /^hf:a\/off: 127.0.0.1:\d+ cannot be reached \(ECONNREFUSED\); .*; using what the cache holds$/,
    ),
  ]);
  expect(await lines(list("a/never", gone))).toMatch(
    /^hf:a\/never: 127.0.0.1:\d+ cannot be reached \(ECONNREFUSED\); check the network/,
  );
  expect(await lines(fetchFiles(as(cached, gone), ["a.txt"]))).toBe("no error");
});

test("who asks is told to the Hub and to nobody else", async () => {
  hub.add("a/private", { "w.bin": large(2000), "a.txt": "a" }, { isPrivate: true });
  const page = `${hub.endpoint}/a/private`;
  expect(await lines(list("a/private"))).toBe(
    "hf:a/private: there is no such repository, or it is private; check the name, or set HF_TOKEN if it is private",
  );
  expect(await lines(list("a/private", { token: "hf_wrong", tokenFrom: "HF_TOKEN" }))).toBe(
    `hf:a/private: the token from HF_TOKEN is not accepted; make a new one at ${hub.endpoint}/settings/tokens`,
  );
  const known = { token: TOKEN, tokenFrom: "HF_TOKEN" };
  hub.forget();
  await fetchFiles(await list("a/private", known), ["w.bin", "a.txt"]);
  const given = (host: string) =>
    new Set(hub.asked.filter((asked) => asked.host === host).map((asked) => asked.authorization));
  expect(given("hub")).toEqual(new Set([`Bearer ${TOKEN}`]));
  expect(given("cdn")).toEqual(new Set([undefined]));

  expect(await lines(list("a/nothing", known))).toContain("there is no such repository, or it is private");
  expect(await lines(list("a/private", known, "v9"))).toBe(
    `hf:a/private: it has no revision "v9"; give a branch, a tag or a commit that ${page} lists`,
  );
  hub.add("a/gated", { "a.txt": "a" }, { isGated: true });
  expect(await lines(list("a/gated"))).toBe(
    `hf:a/gated: access is only given to those who accept its terms; accept them at ${hub.endpoint}/a/gated and set HF_TOKEN to a token of that account`,
  );
  const listed = await list("a/gated", known);
  expect(await lines(fetchFiles(listed, ["a.txt"]))).toContain("with the account of the token from HF_TOKEN");
  expect(await lines(fetchFiles(listed, ["b.txt"]))).toBe("hf:a/gated: there is no b.txt in it");
});

test("what may pass is tried again; a server that stays down, or is not a Hub, is told", async () => {
  hub.add("a/busy", { "a.txt": "a" });
  hub.failures = [503, 429];
  const repo = await list("a/busy");
  hub.failures = [500, 502];
  await fetchFiles(repo, ["a.txt"]);
  hub.failures = [503, 503, 503, 503];
  expect(await lines(list("a/none"))).toMatch(
    /^hf:a\/none: 127.0.0.1:\d+ answered 503 \(down for repairs\); try again later$/,
  );
  hub.failures = [400];
  expect(await lines(list("a/none"))).toContain("answered 400 (down for repairs)");
});

test("no file of a repository leads out of the cache", async () => {
  for (const path of ["../evil", "a/../../evil", "/etc/evil", "C:evil", "a\\..\\evil", "a//b", "nul\u0000"]) {
    hub.add("a/evil", { [path]: "evil" });
    const repo = await list("a/evil");
    expect(await lines(fetchFiles(repo, [path]))).toBe(
      `hf:a/evil: ${JSON.stringify(path)} is not a path that can be written here`,
    );
  }
  expect(existsSync(join(home, "evil"))).toBe(false);
  expect(await readdir(settings.cache)).toEqual(["models--a--evil"]);
});
