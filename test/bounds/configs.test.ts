// Any value in any field of any config gives a one-line answer, quickly and with little memory.

import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readJson } from "../../src/io/diffusers_json.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { schedulerFromConfig, schedulers } from "../../src/schedulers/index.ts";
import { failure, finished, workFolder } from "../cli/support.ts";

const work = workFolder();

/** Milliseconds of computing, whatever else the machine does. */
async function computing(task: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

test("every field of every config set to anything: explained, within 2 s and 400 MB", async () => {
  const script = fileURLToPath(new URL("config_sweep.ts", import.meta.url));
  const { code, stdout, stderr } = await finished(
    spawn(process.execPath, ["--max-old-space-size=200", script], { stdio: ["ignore", "pipe", "pipe"] }),
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { cases, problems, slowest, megabytes } = JSON.parse(stdout);
  expect(problems).toEqual([]);
  expect(cases).toBeGreaterThan(4000);
  expect(slowest.ms, slowest.what).toBeLessThan(2000);
  expect(megabytes).toBeLessThan(400);
});

describe("numbers that would take all memory and minutes", () => {
  const names = Object.values(schedulers).map(({ className }) => className);
  test.each(names)("num_train_timesteps of %s", async (name) => {
    for (const most of [1e8, 1e9]) {
      const ms = await computing(() =>
        expect(() => schedulerFromConfig({ _class_name: name, num_train_timesteps: most })).toThrow(
          `${name}: num_train_timesteps is ${most}, expected <=65536`,
        ),
      );
      expect(ms).toBeLessThan(2000);
    }
  });

  test.each([
    [[1e8, 2e8, 3], "block_out_channels.0: Invalid value: Expected <=65536 but received 100000000"],
    [[65536, 65536, 65536], /its weights are \d+ M values, where 1073 M fit into memory; use fewer channels/],
  ])("block_out_channels %j", async (channels, message) => {
    const config = {
      block_out_channels: channels,
      down_block_types: channels.map(() => "DownBlock2D"),
      up_block_types: channels.map(() => "UpBlock2D"),
    };
    const ms = await computing(() => expect(() => UNet2DModel.fromConfig(config)).toThrow(message));
    expect(ms).toBeLessThan(2000);
  });

  test("the largest number of timesteps is quick with every scheduler", async () => {
    for (const name of names) {
      const ms = await computing(() =>
        schedulerFromConfig({ _class_name: name, num_train_timesteps: 65536 }),
      );
      expect(ms, name).toBeLessThan(2000);
    }
  });
});

describe("JSON beyond all settings", () => {
  const MIB = 2 ** 20;
  test.each([
    ["deep arrays", "[".repeat(8 * MIB), "arrays and objects lie more than 64 deep in one another"],
    ["deep objects", '{"a":'.repeat(MIB), "arrays and objects lie more than 64 deep in one another"],
    ["many arrays", `[${"[],".repeat(4 * MIB)}0]`, "it holds more than 1048576 values"],
    ["many objects", `[${"{},".repeat(4 * MIB)}0]`, "it holds more than 1048576 values"],
    ["many keys", `{${'"a":1,'.repeat(2 * MIB)}"b":1}`, "it holds more than 1048576 values"],
    ["words", `${"I am no JSON ".repeat(1000)}`, "this is not JSON text"],
  ])("%s", async (name, text, message) => {
    const path = work.path(`${name}.json`);
    await writeFile(path, text);
    const ms = await computing(() => expect(readJson(path)).rejects.toThrow(message));
    expect(ms).toBeLessThan(2000);
  });

  test("brackets in texts count for nothing", async () => {
    const path = work.path("texts.json");
    const value = { a: "[".repeat(1000), b: '\\"[', c: ["{".repeat(100), '"[,'.repeat(50)] };
    await writeFile(path, JSON.stringify(value));
    expect(await readJson(path)).toEqual(value);
  });

  test("a device without an end", async () => {
    await expect(readJson("/dev/zero")).rejects.toThrow(
      /the file has \d+ bytes, where a JSON file of at most 16777216/,
    );
  });
});

test("a pipeline's config is refused before its weights are looked for", async () => {
  const files = {
    "model_index.json": {
      _class_name: "DDPMPipeline",
      unet: ["diffusers", "UNet2DModel"],
      scheduler: ["diffusers", "DDPMScheduler"],
    },
    "scheduler/scheduler_config.json": { _class_name: "DDPMScheduler", num_train_timesteps: 1e9 },
    "unet/config.json": { _class_name: "UNet2DModel" },
  };
  for (const [name, json] of Object.entries(files)) {
    const path = join(work.path("pipeline"), name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, JSON.stringify(json));
  }
  const drawn = () => failure(["sample", work.path("pipeline"), "--out", work.path("never.png")]);
  expect((await drawn()).line).toContain(
    "DDPMScheduler: num_train_timesteps is 1000000000, expected <=65536",
  );
  await writeFile(
    work.path("pipeline/scheduler/scheduler_config.json"),
    JSON.stringify({ _class_name: "DDPMScheduler" }),
  );
  await writeFile(
    work.path("pipeline/unet/config.json"),
    JSON.stringify({
      block_out_channels: [1e8, 2e8, 3],
      down_block_types: ["DownBlock2D", "DownBlock2D", "DownBlock2D"],
      up_block_types: ["UpBlock2D", "UpBlock2D", "UpBlock2D"],
    }),
  );
  expect(await drawn()).toEqual({
    code: 2,
    line: `${work.path("pipeline/unet/config.json")}: UNet2DModel config: block_out_channels.0: Invalid value: Expected <=65536 but received 100000000`,
  });
});
