// The studio's server: what it tells of runs, what it starts, and what it refuses to clients that mean harm.

import { once } from "node:events";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { request as httpRequest, type Server } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataSets } from "../../src/cli/studio/data_sets.ts";
import { type Access, TOKEN_COOKIE } from "../../src/cli/studio/guard.ts";
import { Models } from "../../src/cli/studio/models.ts";
import { Runs } from "../../src/cli/studio/runs.ts";
import { createStudioServer } from "../../src/cli/studio/server.ts";
import { Trainings } from "../../src/cli/studio/trainings.ts";
import { BIN, said, workFolder } from "./support.ts";

const work = workFolder();
const page = new Map([
  [
    "/",
    {
      ...{ type: "text/html", isLasting: false },
      read: async () => ({ plain: Buffer.from("<p>studio"), packed: undefined }),
    },
  ],
]);
const trainings = new Trainings([process.execPath, BIN]);
const hosts = new Set<string>();
const servers: Server[] = [];

async function serve(access: Access, quietMs?: number, folder = "runs"): Promise<string> {
  const server = createStudioServer({
    ...{
      page,
      runs: new Runs(work.path(folder)),
      models: new Models(work.path(folder)),
      trainings,
      dataSets: new DataSets(),
      mayNameAny: true,
      access,
      about: { imago: "test" },
    },
    ...(quietMs !== undefined && { quietMs }),
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `127.0.0.1:${address.port}`;
}

let host = "";
beforeAll(async () => {
  const small = ["--batch-size", "2", "--steps", "2", "--sample-every", "0", "--backend", "reference"];
  await mkdir(work.path("runs"));
  await said(["train", "--out", work.path("runs/one"), "--model", work.path("model.json"), ...small]);
  await writeFile(work.path("secret.json"), '{"secret": true}');
  await symlink(work.path("secret.json"), work.path("runs/one/pipeline/secret.json"));
  host = await serve({ hosts, token: null });
  hosts.add(host);
});
afterAll(async () => {
  await trainings.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
}

/** A request that says exactly this: fetch would set hosts and origins by itself, and tidy paths. */
async function ask(
  path: string,
  {
    method = "GET",
    headers = {},
    body,
    at = host,
  }: {
    method?: string;
    headers?: Record<string, string>;
    body?: string;
    at?: string;
  } = {},
): Promise<Answer> {
  const [address, port] = at.split(":");
  const asked = httpRequest({ host: address, port, path, method, headers: { host: at, ...headers } });
  asked.end(body);
  const [response] = await once(asked, "response");
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() };
}

const own = () => ({ origin: `http://${host}`, "content-type": "application/json" });
const post = (path: string, json: unknown, headers: Record<string, string> = own()) =>
  ask(path, { method: "POST", headers, body: JSON.stringify(json) });
const errorOf = ({ text }: Answer): string => JSON.parse(text).error;

describe("what it tells", () => {
  test("the page, isolated, which loads from nowhere else", async () => {
    const { status, headers, text } = await ask("/");
    expect([status, text]).toEqual([200, "<p>studio"]);
    expect(headers["cross-origin-opener-policy"]).toBe("same-origin");
    expect(headers["cross-origin-embedder-policy"]).toBe("require-corp");
    expect(headers["content-security-policy"]).toContain("default-src 'self'");
  });

  test("a folder that is itself a run, by an address that browsers leave as it is", async () => {
    const at = await serve({ hosts, token: null }, undefined, "runs/one");
    hosts.add(at);
    const [{ name }] = JSON.parse((await ask("/api/runs", { at })).text);
    const tidied = (path: string) =>
      new URL(`api/runs/${encodeURIComponent(name)}${path}`, `http://${at}/`).pathname;
    expect(JSON.parse((await ask(tidied(""), { at })).text)).toMatchObject({ name, checkpoints: [2] });
    const records = await ask(tidied("/files/metrics.jsonl"), { at });
    expect(records.text).toBe(await readFile(work.path("runs/one/metrics.jsonl"), "utf8"));
  });

  test("the runs of its folder, their details, records and files", async () => {
    const [run, ...others] = JSON.parse((await ask("/api/runs")).text);
    expect(others).toEqual([]);
    expect(run).toMatchObject({ name: "one", state: "finished", step: 2, steps: 2, hasPipeline: true });
    expect(run.last).toMatchObject({ step: 2, loss: expect.any(Number) });
    const details = JSON.parse((await ask("/api/runs/one")).text);
    expect(details).toMatchObject({ checkpoints: [2], grids: [], notes: "" });
    expect(details.config.training.batch_size).toBe(2);
    const records = await readFile(work.path("runs/one/metrics.jsonl"), "utf8");
    const whole = await ask("/api/runs/one/files/metrics.jsonl?from=0");
    expect(whole.text).toBe(records);
    expect(whole.headers["imago-next"]).toBe(String(records.length));
    const rest = await ask(`/api/runs/one/files/metrics.jsonl?from=${records.length}`);
    expect([rest.status, rest.text]).toEqual([200, ""]);
    expect((await ask("/api/runs/one/files/pipeline/model_index.json")).text).toContain("_class_name");
  });

  test("notes, which are kept in the run's folder", async () => {
    const { status } = await ask("/api/runs/one/notes", {
      ...{ method: "PUT", headers: own(), body: JSON.stringify({ text: "the first" }) },
    });
    expect(status).toBe(200);
    expect(await readFile(work.path("runs/one/notes.txt"), "utf8")).toBe("the first");
    expect(JSON.parse((await ask("/api/runs/one")).text).notes).toBe("the first");
  });
});

describe("a training", () => {
  const small = { preset: "quick32", batchSize: "1", sampleEvery: "0", backend: "wasm", threads: "1" };

  test("that imago train refuses is told in its words", async () => {
    const refused = await post("/api/trainings", { name: "no", options: { ...small, batchSize: "many" } });
    expect(refused.status).toBe(422);
    expect(errorOf(refused)).toContain('--batch-size is "many"; expected a whole number');
    expect(errorOf(await post("/api/trainings", { name: "no", options: { out: "elsewhere" } }))).toBe(
      "--out is no option of imago train",
    );
    for (const name of ["../up", "a/b", "", ".hidden", "-x"]) {
      expect((await post("/api/trainings", { name, options: small })).status, name).toBe(400);
    }
  });

  test("is started, stopped after a step with a checkpoint, and goes on", async () => {
    const options = { ...small, steps: "1000", checkpointEvery: "0" };
    expect((await post("/api/trainings", { name: "two", options })).status).toBe(200);
    expect((await post("/api/trainings", { name: "two", options })).status).toBe(409);
    const [status] = JSON.parse((await ask("/api/trainings")).text);
    expect(status).toMatchObject({
      isRunning: true,
      problem: null,
      device: expect.stringContaining("processor"),
    });
    expect((await post("/api/runs/two/stop", {})).status).toBe(200);
    await expect
      .poll(async () => JSON.parse((await ask("/api/trainings")).text)[0].isRunning, { timeout: 60_000 })
      .toBe(false);
    const { state, step, checkpoints } = JSON.parse((await ask("/api/runs/two")).text);
    expect([state, checkpoints]).toEqual(["stopped", [step]]);
    expect((await post("/api/runs/two/resume", {})).status).toBe(200);
    expect((await post("/api/runs/two/stop", {})).status).toBe(200);
    for (const order of ["stop", "pause", "unpause"]) {
      expect((await post(`/api/runs/one/${order}`, {})).status).toBe(409);
    }
  }, 120_000);

  test("is held after its step, goes on, and ends although it is held", async () => {
    const options = { ...small, steps: "1000", checkpointEvery: "0" };
    expect((await post("/api/trainings", { name: "held", options })).status).toBe(200);
    const step = async () => JSON.parse((await ask("/api/runs/held")).text).step;
    const training = async () =>
      JSON.parse((await ask("/api/trainings")).text).find(({ name }: { name: string }) => name === "held");
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(0);
    expect((await post("/api/runs/held/pause", {})).status).toBe(200);
    expect((await training()).stage).toBe("pause");
    expect((await post("/api/runs/held/unpause", {})).status).toBe(200);
    const before = await step();
    // One step may have been under way when the pause began.
    await expect.poll(step, { timeout: 60_000 }).toBeGreaterThan(before + 1);
    expect((await training()).stage).toBe(null);
    await post("/api/runs/held/pause", {});
    expect((await post("/api/runs/held/stop", {})).status).toBe(200);
    await expect.poll(async () => (await training()).isRunning, { timeout: 60_000 }).toBe(false);
    const { state, checkpoints } = JSON.parse((await ask("/api/runs/held")).text);
    expect([state, checkpoints.length]).toEqual(["stopped", 1]);
  }, 120_000);
});

describe("a hostile client", () => {
  test.each([
    ["another host's name", { host: "evil.example" }],
    ["another port", { host: "127.0.0.1:1" }],
  ])("under %s reads nothing", async (_, headers) => {
    for (const path of ["/", "/api/runs"]) expect((await ask(path, { headers })).status).toBe(403);
  });

  test.each([
    ["another site", { origin: "http://evil.example" }],
    ["this machine, another port", { origin: "http://127.0.0.1:1" }],
    ["a sandboxed frame", { origin: "null" }],
    ["nowhere", {}],
  ])("from %s starts nothing and changes nothing", async (_, headers: Record<string, string>) => {
    const before = JSON.parse((await ask("/api/trainings")).text).length;
    const json = { ...headers, "content-type": "application/json" };
    const form = { name: "evil", options: { preset: "quick32" } };
    expect((await post("/api/trainings", form, json)).status).toBe(403);
    expect(
      (await ask("/api/runs/one/notes", { method: "PUT", headers: json, body: '{"text":"x"}' })).status,
    ).toBe(403);
    expect(JSON.parse((await ask("/api/trainings")).text)).toHaveLength(before);
    expect(await readFile(work.path("runs/one/notes.txt"), "utf8")).toBe("the first");
  });

  test("on another site's page reads nothing; its link opens the page", async () => {
    const site = { "sec-fetch-site": "cross-site" };
    expect((await ask("/api/runs", { headers: { ...site, "sec-fetch-mode": "no-cors" } })).status).toBe(403);
    const link = { ...site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect((await ask("/", { headers: link })).status).toBe(200);
  });

  test.each([
    "/api/runs/..%2F/files/secret.json",
    "/api/runs/one/files/..%2F..%2Fsecret.json",
    "/api/runs/one/files/pipeline/../../../secret.json",
    "/api/runs/one/files/pipeline/secret.json",
    "/api/runs/one/files/pipeline/..%2F..%2F..%2Fsecret.json",
    "/api/runs/one/files/config.json",
    "/api/runs/one/files/.lock",
    "/../package.json",
    "/%2e%2e/package.json",
    "//etc/passwd",
    "/api/runs/%00/files/x",
    "/api/runs/%E0%A4%A/files/x",
  ])("finds nothing at %s", async (path) => {
    const { status, text } = await ask(path);
    expect([400, 403, 404]).toContain(status);
    expect(text).not.toContain('secret":');
  });

  test("sends no huge, no broken and no foreign bodies", async () => {
    const huge = await post("/api/trainings", { name: "x", options: { data: "x".repeat(2 ** 19) } });
    expect(huge.status).toBe(413);
    const broken = await ask("/api/trainings", { method: "POST", headers: own(), body: "{" });
    expect([broken.status, errorOf(broken)]).toEqual([400, "the body is no JSON"]);
    const text = await post("/api/trainings", {}, { ...own(), "content-type": "text/plain" });
    expect(text.status).toBe(415);
    expect((await post("/api/trainings", { name: 3 })).status).toBe(400);
  });

  test("with a thousand requests at once leaves it as it was", async () => {
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () =>
        ask("/api/runs/one").then(
          ({ status }) => status,
          () => 0,
        ),
      ),
    );
    expect(answers.every((status) => [0, 200, 503].includes(status))).toBe(true);
    expect(answers.filter((status) => status === 200).length).toBeGreaterThan(100);
    expect((await ask("/api/runs")).status).toBe(200);
  });

  test("that reads slowly is let go", async () => {
    const at = await serve({ hosts: null, token: null }, 200);
    await mkdir(work.path("runs/large"), { recursive: true });
    await cp(work.path("runs/one"), work.path("runs/large"), { recursive: true, verbatimSymlinks: true });
    await writeFile(work.path("runs/large/metrics.jsonl"), "x".repeat(2 ** 26));
    const [address, port] = at.split(":");
    const socket = connect(Number(port), address);
    socket.pause();
    socket.write(`GET /api/runs/large/files/metrics.jsonl HTTP/1.1\r\nHost: ${at}\r\n\r\n`);
    socket.on("error", () => undefined);
    const [server] = servers.slice(-1);
    await expect
      .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))), {
        timeout: 10_000,
      })
      .toBe(1);
    await expect
      .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))), {
        timeout: 10_000,
      })
      .toBe(0);
    socket.destroy();
  });
});

describe("a studio that other machines reach", () => {
  test("wants the token of its address, and keeps it in a cookie", async () => {
    const at = await serve({ hosts: null, token: "a-token" });
    const name = { host: "machine.example" };
    expect((await ask("/", { at, headers: name })).status).toBe(403);
    expect((await ask("/?token=wrong", { at, headers: name })).status).toBe(403);
    const entered = await ask("/?token=a-token", { at, headers: name });
    expect([entered.status, entered.headers.location]).toEqual([303, "/"]);
    expect(entered.headers["set-cookie"]).toEqual([
      `${TOKEN_COOKIE}=a-token; HttpOnly; SameSite=Strict; Path=/`,
    ]);
    const cookie = `${TOKEN_COOKIE}=a-token`;
    expect((await ask("/", { at, headers: { ...name, cookie } })).status).toBe(200);
    const evil = { ...name, cookie, origin: "http://evil.example", "content-type": "application/json" };
    expect((await ask("/api/runs/one/stop", { at, method: "POST", headers: evil, body: "{}" })).status).toBe(
      403,
    );
  });
});
