// Compares this project's UNet2DModel and its files with diffusers', in both directions, by running both.
//
//   node_modules/.bin/node tools/compare_with_diffusers.ts --python .venv/bin/python [--backend wasm|reference]
//     [--threads N] [--seed N] [config.json ...]
//
// For each config (default: all of test/fixtures/unet2d), in each of three forms (one file, shards, fp16), diffusers
// saves a pipeline with random weights. Both sides read it and run it on the same random images, timesteps and
// classes. This project then saves it again, and from that diffusers must compute the same bits as before.
// The Python side is tools/python/check_pipeline.py, with the packages of tools/python/requirements.txt.
// Prints one line per comparison; exit code 1 if an output differs by more than 1e-4 (norm of the difference / norm).

import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { Backend } from "../src/engine/backend.ts";
import { BACKEND_NAMES, createBackend, isBackendName } from "../src/engine/backends/create.ts";
import { type HostTensor, hostTensor, numel } from "../src/engine/host_tensor.ts";
import { philoxNormal } from "../src/engine/random/philox.ts";
import { input } from "../src/engine/tensor.ts";
import { MODEL_CONFIG, readConfig } from "../src/io/diffusers_folder.ts";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../src/io/safetensors.ts";
import { readStateDict } from "../src/io/state_dict.ts";
import { UNet2DModel } from "../src/models/unet_2d_model.ts";
import { DDPMPipeline } from "../src/pipelines/ddpm_pipeline.ts";
import { nchwToNhwc, nhwcToNchw } from "../test/support/nchw.ts";

const TOLERANCE = 1e-4;
const IMAGES = 3;
const FORMS = [
  { name: "one file", make: [] },
  { name: "shards", make: ["--shards", "3"] },
  { name: "fp16", make: ["--dtype", "fp16"], variant: "fp16" },
] as const;

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string", default: "python3" },
    backend: { type: "string", default: "wasm" },
    threads: { type: "string" },
    seed: { type: "string", default: "0" },
  },
});

/** Inputs of one forward pass: images in torch's layout, for diffusers, and in ours. */
type Inputs = {
  readonly sample: HostTensor; // [N, H, W, C]
  readonly timestep: Int32Array; // [N]
  readonly classLabels: Int32Array | Float32Array | undefined; // [N] or [N, D]
  /** The same inputs for the Python side. */
  readonly entries: Map<string, TensorEntry>;
};

async function python(...args: string[]): Promise<void> {
  const script = join(here, "python", "check_pipeline.py");
  try {
    await promisify(execFile)(options.python, [script, ...args]);
  } catch (error) {
    // Python's message is its last line.
    const said =
      error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n").at(-1) : "";
    throw new Error(`${options.python} ${script} ${args[0]} failed: ${said || String(error)}`, {
      cause: error,
    });
  }
}

/** Runs diffusers' UNet of a saved pipeline. */
async function predictInPython(folder: string, inputs: Inputs, variant?: string): Promise<Float32Array> {
  const [given, result] = [join(folder, "inputs.safetensors"), join(folder, "output.safetensors")];
  await writeSafetensors(given, inputs.entries);
  const choice = variant === undefined ? [] : ["--variant", variant];
  await python("predict", folder, "--input", given, "--out", result, ...choice);
  const output = (await readSafetensors(result)).get("output");
  if (!(output?.data instanceof Float32Array)) throw new Error(`${result}: no float32 tensor "output"`);
  return output.data;
}

/** Runs our UNet; the result in torch's layout. */
async function predictHere(backend: Backend, model: UNet2DModel, inputs: Inputs): Promise<Float32Array> {
  const sample = input(inputs.sample.shape, "f32", "sample");
  const timestep = input([IMAGES], "i32", "timestep");
  const wanted = model.classLabelsFor(IMAGES);
  const classLabels = wanted === null ? undefined : input(wanted.shape, wanted.dtype, "classLabels");
  const output = model.forward(sample, timestep, classLabels === undefined ? {} : { classLabels });
  model.upload(backend);
  const executable = await backend.compile({
    name: "compare",
    inputs: [sample, timestep, ...(classLabels === undefined ? [] : [classLabels])],
    outputs: [output],
  });
  const labels = inputs.classLabels === undefined ? [] : [inputs.classLabels];
  const [data] = await executable.run([inputs.sample.data, inputs.timestep, ...labels]);
  executable.dispose();
  return nhwcToNchw(data, output.shape);
}

function randomInputs(model: UNet2DModel, seed: number): Inputs {
  const { sampleSize, inChannels, numClassEmbeds, numTrainTimesteps } = model.config;
  const [height, width] =
    typeof sampleSize === "number" ? [sampleSize, sampleSize] : (sampleSize ?? [32, 32]);
  const normal = (shape: readonly number[], site: number): Float32Array => {
    const values = new Float32Array(numel(shape));
    philoxNormal(values, { seed, step: 0, site });
    return values;
  };
  const shape = [IMAGES, inChannels, height, width];
  const images = normal(shape, 0);
  const last = (numTrainTimesteps ?? 1000) - 1;
  const timestep = Int32Array.from({ length: IMAGES }, (_, i) => 1 + ((seed + i * 377) % last));
  const entries = new Map<string, TensorEntry>([
    ["sample", { shape, data: images }],
    ["timestep", { shape: [IMAGES], data: BigInt64Array.from(timestep, BigInt) }],
  ]);
  const sample = hostTensor(nchwToNhwc(images, shape), [IMAGES, height, width, inChannels]);
  const wanted = model.classLabelsFor(IMAGES);
  if (wanted === null) return { sample, timestep, classLabels: undefined, entries };
  if (wanted.dtype === "f32") {
    const classLabels = normal(wanted.shape, 1);
    entries.set("class_labels", { shape: wanted.shape, data: classLabels });
    return { sample, timestep, classLabels, entries };
  }
  const classLabels = Int32Array.from({ length: IMAGES }, (_, i) => i % (numClassEmbeds ?? 1000));
  entries.set("class_labels", { shape: wanted.shape, data: BigInt64Array.from(classLabels, BigInt) });
  return { sample, timestep, classLabels, entries };
}

async function compare(backend: Backend, config: string, seed: number, folder: string): Promise<boolean> {
  let good = true;
  for (const form of FORMS) {
    const variant = "variant" in form ? form.variant : undefined;
    const theirs = join(folder, `${form.name} by diffusers`);
    await python("make", theirs, "--config", config, "--seed", String(seed), ...form.make);
    const unet = join(theirs, "unet");
    const { settings } = await readConfig(unet, MODEL_CONFIG);
    const model = UNet2DModel.fromConfig(settings).loadStateDict(
      await readStateDict(unet, variant === undefined ? {} : { variant }),
    );
    const inputs = randomInputs(model, seed);
    const expected = await predictInPython(theirs, inputs, variant);
    const error = relativeError(await predictHere(backend, model, inputs), expected);

    const ours = join(folder, `${form.name} from here`);
    const { scheduler } =
      variant === undefined ? await DDPMPipeline.fromPretrained(theirs) : { scheduler: undefined };
    if (scheduler !== undefined) await new DDPMPipeline(model, scheduler).savePretrained(ours);
    const back = scheduler && relativeError(await predictInPython(ours, inputs), expected);

    good &&= error < TOLERANCE && (back === undefined || back === 0);
    const name = basename(config, ".config.json");
    console.log(
      JSON.stringify({
        config: name,
        form: form.name,
        parameters: model.parameterCount,
        error,
        saved_and_back: back,
      }),
    );
  }
  return good;
}

/** ||a - b|| / ||b|| */
function relativeError(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} values here, ${b.length} in Python`);
  let [difference, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(difference / size);
}

if (!isBackendName(options.backend)) {
  throw new Error(`--backend ${options.backend}, expected ${BACKEND_NAMES.join(" or ")}`);
}
const fixtures = join(here, "..", "test", "fixtures", "unet2d");
const configs =
  positionals.length > 0
    ? positionals
    : (await readdir(fixtures)).filter((name) => name.endsWith(".json")).map((name) => join(fixtures, name));
const folder = await mkdtemp(join(tmpdir(), "imago-compare-"));
const threads = options.threads === undefined ? {} : { threads: Number(options.threads) };
const backend = await createBackend({ backend: options.backend, ...threads });
try {
  for (const [i, config] of configs.entries()) {
    const good = await compare(backend, config, Number(options.seed), join(folder, String(i)));
    if (!good) process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await backend.close();
  await rm(folder, { recursive: true, force: true });
}
