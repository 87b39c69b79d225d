// A page that trains, draws, stops, resumes and exports.

import {
  createBackend,
  DDPMPipeline,
  DDPMScheduler,
  mountFiles,
  openImages,
  readSafetensors,
  Trainer,
  unmountFiles,
  unzipFolder,
  zipFolder,
} from "../../../src/browser.ts";
import { files } from "../../../src/platform/browser/files.ts";
import { hashing } from "../../../src/platform/browser/hashing.ts";
import { GoldenTensors } from "../../support/golden_tensors.ts";
import { parseRecord, type TwentySteps, twentySteps } from "../../support/golden_training.ts";
import { type UNetErrors, unetErrors } from "../../support/golden_unet.ts";
import { trainingOptions } from "../../support/small_training.ts";

export const isIsolated = () => crossOriginIsolated;

/**
 * Trains a small model.
 * @param stopAfter a step after which it is asked to stop
 * @returns the losses of the steps that were done
 */
export async function train(
  out: string,
  options: { threads?: number; stopAfter?: number; resume?: boolean },
): Promise<number[]> {
  const { threads, stopAfter, resume = false } = options;
  const trainer = new Trainer({ ...trainingOptions(out), resume, ...(threads !== undefined && { threads }) });
  const losses: number[] = [];
  for await (const { step, loss } of trainer.run()) {
    losses.push(loss);
    if (step === stopAfter) trainer.stop();
  }
  return losses;
}

/** The message of the error that it ends with. */
export const failure = (out: string, options: { threads?: number; resume?: boolean }) =>
  train(out, options).then(
    () => "none",
    (error: Error) => `${error.name}: ${error.message}`,
  );

/** SHA-256 of each file of a folder, by its name. */
export async function hashes(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, kind } of await files.entries(folder)) {
    const path = `${folder}/${name}`;
    if (kind === "folder") {
      for (const [inner, hash] of Object.entries(await hashes(path))) found[`${name}/${inner}`] = hash;
    } else {
      const file = await files.open(path);
      found[name] = hashing.sha256(await file.readAll());
    }
  }
  return Object.fromEntries(Object.entries(found).toSorted());
}

export const text = (path: string) => files.readText(path);

/** Pixels of the images that a run or a pipeline draws. */
export async function draw(source: string): Promise<number[][]> {
  const pipeline = await DDPMPipeline.fromPretrained(source);
  try {
    const images = await pipeline.generateImages({ count: 2, steps: 4, scheduler: "ddim", seed: 3 });
    return images.map(({ data }) => [...data]);
  } finally {
    await pipeline.close();
  }
}

/** A folder as an archive, in base64. */
export async function exported(folder: string): Promise<string> {
  const zip = await new Response(await zipFolder(folder)).blob();
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result).split(",")[1]);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(zip);
  });
}

/** Imports an archive as a file that was dropped. */
export async function imported(base64: string, folder: string): Promise<void> {
  const zip = await (await fetch(`data:application/zip;base64,${base64}`)).blob();
  const path = await mountFiles([new File([zip], "run.zip")]);
  await unzipFolder(path, folder);
  unmountFiles(path);
}

/** Saves a pipeline of fresh weights. */
export async function save(folder: string): Promise<void> {
  const { model } = trainingOptions(folder);
  await new DDPMPipeline(model, new DDPMScheduler()).savePretrained(folder);
}

/** Reads images that were dropped: their labels, and the pixels of each. */
export async function dropped(
  given: { path: string; base64: string }[],
  size: number,
): Promise<{ labels: readonly string[] | undefined; pixels: number[][] }> {
  const made = await Promise.all(
    given.map(async ({ path, base64 }) => {
      const content = await (await fetch(`data:;base64,${base64}`)).blob();
      const file = new File([content], path.split("/").at(-1) ?? path);
      Object.defineProperty(file, "webkitRelativePath", { value: path });
      return file;
    }),
  );
  const path = await mountFiles(made);
  const data = await openImages(path, { size });
  const pixels = Array.from({ length: data.count }, (_, i) => [...data.image(i)]);
  unmountFiles(path);
  return { labels: data.labels?.names, pixels };
}

async function golden(name: string): Promise<GoldenTensors> {
  const answer = await fetch(`/${name}`);
  const path = await mountFiles([new File([await answer.blob()], "golden.safetensors")]);
  try {
    return new GoldenTensors(await readSafetensors(path));
  } finally {
    unmountFiles(path);
  }
}

/** How far a golden UNet is from Python's numbers. */
export async function goldenUNet(name: string): Promise<UNetErrors> {
  const config: unknown = await (await fetch(`/unet2d/${name}.config.json`)).json();
  const backend = await createBackend();
  try {
    return await unetErrors(await golden(`unet2d/${name}.safetensors`), config, backend);
  } finally {
    await backend.close();
  }
}

export async function goldenTraining(): Promise<TwentySteps> {
  const record = parseRecord(await (await fetch("/train_20_steps.json")).json());
  const backend = await createBackend();
  try {
    return await twentySteps(await golden("train_20_steps.safetensors"), record, backend);
  } finally {
    await backend.close();
  }
}
