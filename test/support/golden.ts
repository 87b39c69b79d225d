// Numbers made by running diffusers, from test/fixtures.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { readSafetensors } from "../../src/io/safetensors.ts";
import { GoldenTensors } from "./golden_tensors.ts";

export const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

export async function readJsonFixture(path: string): Promise<unknown> {
  const json: unknown = JSON.parse(await readFile(fixture(path), "utf8"));
  return json;
}

/** Tensors of one safetensors fixture. */
export const readGolden = async (path: string): Promise<GoldenTensors> =>
  new GoldenTensors(await readSafetensors(fixture(path)));
