import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  MODEL_CONFIG,
  readConfig,
  readModelIndex,
  SCHEDULER_CONFIG,
  writeConfig,
  writeModelIndex,
} from "../../src/io/diffusers_folder.ts";
import type { JsonObject } from "../../src/io/diffusers_json.ts";
import { fixture, temporaryFolder } from "./fixtures.ts";

const SAVED = fixture("saved_by_diffusers", "sharded");
const UNET_FLOATS = new Set(["dropout", "norm_eps"]);
const SCHEDULER_FLOATS = new Set([
  ...["beta_start", "beta_end", "clip_sample_range", "dynamic_thresholding_ratio", "sample_max_value"],
]);

test("a pipeline diffusers saved, read and written again, has the same files", async () => {
  const folder = temporaryFolder();
  const index = await readModelIndex(SAVED);
  expect(index.className).toBe("DDPMPipeline");
  expect(index.components.get("unet")).toEqual({ library: "diffusers", className: "UNet2DModel" });
  await writeModelIndex(folder, index);
  expectSameText(join(folder, "model_index.json"), join(SAVED, "model_index.json"));

  for (const [part, file, floats] of [
    ["unet", MODEL_CONFIG, UNET_FLOATS],
    ["scheduler", SCHEDULER_CONFIG, SCHEDULER_FLOATS],
  ] as const) {
    const { className, settings } = await readConfig(join(SAVED, part), file);
    expect(className).toBe(index.components.get(part)!.className);
    expect(Object.keys(settings).filter((key) => key.startsWith("_"))).toEqual([]);
    const { _class_name, _diffusers_version, ...values } = readJsonObject(join(SAVED, part, file));
    expect(settings).toEqual(values);
    await writeConfig(join(folder, part), file, String(_class_name), values, floats);
    expectSameText(join(folder, part, file), join(SAVED, part, file));
  }
});

test("absent parts and plain settings of a pipeline are not components", async () => {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, "model_index.json"),
    '{"_class_name": "P", "safety_checker": [null, null], "flag": true, "vqvae": ["diffusers", "VQModel"]}',
  );
  expect([...(await readModelIndex(folder)).components.keys()]).toEqual(["vqvae"]);
});

test("files that are something else are refused in one line", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "model_index.json");
  for (const [text, message] of [
    ["[]", /an object was expected/],
    ["{}", /_class_name: /],
    ['{"_class_name": "P", "../unet": ["a", "b"]}', /component "..\/unet" is not the name of a subfolder/],
  ] as const) {
    writeFileSync(path, text);
    await expect(readModelIndex(folder)).rejects.toThrow(message);
  }
  writeFileSync(join(folder, MODEL_CONFIG), '["a"]');
  await expect(readConfig(folder, MODEL_CONFIG)).rejects.toThrow(/an object was expected/);
  await expect(readConfig(folder, SCHEDULER_CONFIG)).rejects.toThrow(
    /scheduler_config.json: cannot read the file/,
  );
});

function readJsonObject(path: string): JsonObject {
  return JSON.parse(readFileSync(path, "utf8"));
}

function expectSameText(a: string, b: string): void {
  expect(readFileSync(a, "utf8")).toBe(readFileSync(b, "utf8"));
}
