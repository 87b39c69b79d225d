// imago eval with weights of a repository on the Hub.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { testHub } from "../support/hub.ts";
import { failure } from "./support.ts";

const hub = testHub();
const narrow = fileURLToPath(new URL("../fixtures/metrics/inception.safetensors", import.meta.url));

test("--inception hf:OWNER/NAME is the one safetensors file there", async () => {
  const weights = await readFile(narrow);
  hub.add("me/one", { "README.md": Buffer.from("weights"), "inception.safetensors": weights });
  hub.add("me/two", { "a.safetensors": weights, "b.safetensors": weights });
  hub.add("me/none", { "README.md": Buffer.from("nothing") });
  const refused = async (name: string) => {
    const { code, line } = await failure(["eval", "synthetic", "--data", "synthetic", "--inception", name]);
    expect(code).toBe(2);
    return line;
  };
  // The fixture is the network made narrow, which is told once it is here and read.
  expect(await refused("hf:me/one")).toMatch(/inception\.safetensors.*expected the Inception network of FID/);
  expect(await refused("hf:me/two")).toBe(
    "hf:me/two: it holds 2 safetensors files, expected one; name one, such as hf:me/two/a.safetensors",
  );
  expect(await refused("hf:me/two/b.safetensors")).toMatch(/b\.safetensors.*expected the Inception network/);
  expect(await refused("hf:me/none")).toBe("hf:me/none: it holds no safetensors file, expected one");
});
