// imago sample with LoRAs of the Hub: one file of a repository, downloaded once.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../../src/io/safetensors.ts";
import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { fixture } from "../support/golden.ts";
import { testHub } from "../support/hub.ts";
import { failure, imago, workFolder } from "./support.ts";

const hub = testHub();
const work = workFolder();
const MODEL = fixture("stable_diffusion/pipeline");
const lora = (name: string) => fixture(`stable_diffusion/lora/${name}.safetensors`);

const args = (out: string, ...given: string[]) => [
  ...["sample", MODEL, "--prompt", "a castle", "--scheduler", "ddim", "--steps", "2", "--size", "16"],
  ...given.flatMap((name) => ["--lora", name]),
  ...["--out", work.path(out)],
];

test("one that is alone, one that is named, one of a usual name, and one at a commit: as the file draws", async () => {
  const [kohya, style] = await Promise.all([lora("kohya"), lora("style")].map((file) => readFile(file)));
  hub.add("me/one", { "README.md": Buffer.from("a LoRA"), "style.safetensors": style });
  hub.add("me/many", { "a.safetensors": kohya, "deep/b.safetensors": style });
  hub.add("me/usual", { "other.safetensors": kohya, "pytorch_lora_weights.safetensors": style });
  const commit = hub.add("me/moved", { "style.safetensors": style });
  hub.add("me/moved", { "style.safetensors": kohya });
  await imago(...args("file.png", `${lora("style")}:0.7`));
  const expected = await readFile(work.path("file.png"));
  for (const [k, name] of [
    "hf:me/one",
    "hf:me/many/deep/b.safetensors",
    "hf:me/usual",
    `hf:me/moved@${commit}`,
    `hf:me/moved/style.safetensors@${commit}`,
  ].entries()) {
    expect(await imago(...args(`${k}.png`, `${name}:0.7`)), name).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(work.path(`${k}.png`)), name).toEqual(expected);
  }
  hub.forget();
  await imago(...args("again.png", "hf:me/many/deep/b.safetensors:0.7"));
  expect(hub.asked.filter(({ path }) => path.endsWith(".safetensors"))).toEqual([]);
});

test("PEFT's own comes with its settings, and a pipeline takes the same names", async () => {
  const ofUnet = [...(await readSafetensors(lora("peft")))].flatMap(
    ([name, tensor]): [string, TensorEntry][] =>
      name.startsWith("unet.") ? [[name.replace("unet.", "base_model.model."), tensor]] : [],
  );
  await writeSafetensors(work.path("adapter_model.safetensors"), new Map(ofUnet));
  hub.add("me/peft", {
    "adapter_model.safetensors": await readFile(work.path("adapter_model.safetensors")),
    "adapter_config.json": JSON.stringify({ r: 2, lora_alpha: 4 }),
  });
  const pipeline = await StableDiffusionPipeline.fromPretrained(MODEL);
  await pipeline.loadLoraWeights("me/peft", { adapterName: "bare" });
  await pipeline.loadLoraWeights("hf:me/peft/adapter_model.safetensors", { adapterName: "named" });
  expect(pipeline.getListAdapters()).toEqual({ unet: ["bare", "named"] });
  await pipeline.close();
});

test("what cannot be had is told in one line", async () => {
  const style = await readFile(lora("style"));
  hub.add("me/two", { "a.safetensors": style, "b.safetensors": style });
  hub.add("me/none", { "README.md": Buffer.from("nothing") });
  for (const [name, line] of [
    [
      "hf:me/two",
      "hf:me/two: it holds 2 safetensors files, expected one; name one, such as hf:me/two/a.safetensors",
    ],
    ["hf:me/none", "hf:me/none: it holds no safetensors file, expected one"],
    ["hf:me/two/c.safetensors", "hf:me/two: there is no c.safetensors in it"],
    ["hf:me/absent", "there is no such repository, or it is private"],
    [
      "hf:me/two/a.bin",
      "is not the name of a file; expected hf:OWNER/NAME/FILE.safetensors, or hf:OWNER/NAME",
    ],
    ["hf:me/two/../a.safetensors", "is not the name of a file"],
    ["hf:me/two/a.safetensors@no such", 'revision "no such" is not a branch'],
    ["hf:two", '"hf:two" is not the name of a repository'],
    ["me/two", "me/two: no such folder; check the path, or write hf:me/two"],
    ["loras/none.safetensors", "cannot open the file: no such file"],
  ]) {
    const { code, line: told } = await failure(args("none.png", name));
    expect(told, name).toContain(line);
    expect(code, name).toBe(2);
  }
});
