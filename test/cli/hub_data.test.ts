import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { runCommand } from "../../src/cli/program.ts";
import { encodePng } from "../../src/io/image/index.ts";
import { deadEndpoint } from "../io/hub_server.ts";
import { testHub } from "../support/hub.ts";
import { failure } from "./support.ts";

const hub = testHub();

async function said(...args: string[]): Promise<string> {
  let text = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  await runCommand(args).finally(() => write.mockRestore());
  return text;
}

test("parquet shards of the Hub are read, of the split that is asked for", async () => {
  const shard = await readFile(
    fileURLToPath(new URL("../fixtures/data/hugging_face.parquet", import.meta.url)),
  );
  const names = [
    "data/train-00000-of-00002.parquet",
    "data/train-00001-of-00002.parquet",
    "data/test-00000-of-00001.parquet",
  ];
  hub.add("me/shards", Object.fromEntries(names.map((name) => [name, shard])), { kind: "dataset" });
  const count = async (...more: string[]) =>
    JSON.parse(await said("data", "info", "hf:me/shards", "--size", "8", "--json", ...more)).count;
  const one = await count("--split", "test");
  expect(one).toBeGreaterThan(0);
  expect(await count()).toBe(2 * one);
  expect((await failure(["data", "info", "hf:me/shards", "--split", "extra"])).line).toBe(
    'hf:me/shards: there is no split "extra"; it has test, train; choose with --split',
  );
});

test("--data hf:OWNER/NAME reads loose images; what cannot be had is told in one line", async () => {
  const picture = (level: number) => encodePng(new Uint8Array(20 * 20 * 3).fill(level), 20, 20);
  const files = {
    "train/a.png": await picture(0),
    "train/b.png": await picture(255),
    "test/c.png": await picture(9),
  };
  hub.add("me/pictures", files, { kind: "dataset" });
  const told = await said("data", "info", "hf:me/pictures", "--size", "8", "--json");
  expect(JSON.parse(told)).toMatchObject({ source: "hf:me/pictures", count: 2, mean: [0.5, 0.5, 0.5] });

  hub.add("me/shut", files, { kind: "dataset", isGated: true });
  const page = `${hub.endpoint}/datasets/me/shut`;
  expect(await failure(["data", "info", "hf:me/shut"])).toEqual({
    code: 2,
    line: `hf:me/shut: access is only given to those who accept its terms; accept them at ${page} and set HF_TOKEN to a token of that account`,
  });
  expect((await failure(["data", "info", "hf:me"])).line).toContain("expected hf:OWNER/NAME");
  // The network is not the command's fault.
  vi.stubEnv("HF_ENDPOINT", await deadEndpoint());
  const down = await failure(["data", "info", "hf:me/elsewhere"]);
  expect(down).toMatchObject({
    code: 1,
    line: expect.stringMatching(/^hf:me.elsewhere: 127.0.0.1:\d+ cannot be reached \(ECONNREFUSED\); check/),
  });
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
});
