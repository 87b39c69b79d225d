// Saving that is ended in the middle leaves what was there before, or nothing.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { freshFolder } from "../support/folder.ts";
import { fixture } from "../support/golden.ts";

const FOLDER = fixture("stable_diffusion/pipeline");
const PROCESS = fileURLToPath(new URL("saving_process.ts", import.meta.url));
const folder = freshFolder();

const NAMES = ["castles", "castles.safetensors"];

/** Whether what is saved under this name is the fixture's pipeline. */
async function isWhole(name: string): Promise<boolean> {
  const path = folder(name);
  const saved = name.endsWith(".safetensors")
    ? await StableDiffusionPipeline.fromSingleFile(path, { config: FOLDER })
    : await StableDiffusionPipeline.fromPretrained(path);
  const own = await StableDiffusionPipeline.fromPretrained(FOLDER);
  const weights = saved.unet.stateDict();
  return [...own.unet.stateDict()].every(([key, { data }]) => {
    const other = weights.get(key)?.data;
    return data.every((x, i) => Object.is(x, other?.[i]));
  });
}

describe.skipIf(process.platform === "win32")("saving that ends early", () => {
  test.each(NAMES.flatMap((name) => [0, 3, 9, 20].map((ms) => ({ name, ms }))))(
    "by Ctrl-C, $ms ms into the second $name",
    async ({ name, ms }) => {
      const saving = spawn(process.execPath, [PROCESS, FOLDER, folder(name), "again"], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = once(saving, "exit");
      await once(saving.stdout, "data");
      await sleep(ms);
      saving.kill("SIGINT");
      expect(await ended).toEqual([null, "SIGINT"]);
      expect(await isWhole(name)).toBe(true);
    },
  );

  test.each(NAMES)("for want of space leaves no %s", async (name) => {
    // The largest file that the process may write: 60 to 120 KB, as the shell counts.
    const command = ["-c", 'ulimit -f 120 && exec "$0" "$@"', process.execPath, PROCESS];
    const saving = spawn("sh", [...command, FOLDER, folder(name), "once"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    saving.stderr.on("data", (text) => {
      said += text;
    });
    expect(await once(saving, "close")).toEqual([1, null]);
    expect(said).toMatch(/^[^\n]*castles[^\n]*: the file is larger than [^\n]* allows; [^\n]*\n$/);
    expect(existsSync(folder(name))).toBe(false);
    expect(await readdir(folder())).toEqual([]);
  });

  test.each(NAMES)("by an error keeps the earlier %s", async (name) => {
    const pipeline = await StableDiffusionPipeline.fromPretrained(FOLDER);
    const save = () =>
      name.endsWith(".safetensors")
        ? pipeline.saveSingleFile(folder(name))
        : pipeline.savePretrained(folder(name));
    await save();
    const file = folder(
      name.endsWith(".safetensors") ? name : `${name}/unet/diffusion_pytorch_model.safetensors`,
    );
    const before = await readFile(file);
    // A weight that cannot be read any more, far from the first one.
    pipeline.unet.namedParameters().get("mid_block.resnets.0.conv1.weight")?.release();
    await expect(save()).rejects.toThrow("mid_block.resnets.0.conv1.weight has no value yet");
    expect(await readFile(file)).toEqual(before);
    expect(await readdir(folder())).toEqual([name]);
  });
});
