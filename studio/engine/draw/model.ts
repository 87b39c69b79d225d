// The pipeline of a request, kept open: most drawings are by the same one.

import {
  type Backend,
  createBackend,
  type LoadedPipeline,
  loadPipeline,
  readStateDict,
  type StateDict,
} from "imago";
import { mountFiles, unmountFiles } from "imago/browser";
import type { DrawRequest, ModelSource } from "../messages.ts";

export interface Model {
  readonly backend: Backend;
  readonly pipeline: LoadedPipeline;
  /** What loadPipeline takes for it. */
  readonly source: string;
}

let loaded: { readonly key: string; readonly model: Promise<Model> } | undefined;

/** Opens the pipeline of a request; the one before is closed. */
export async function open({ model: { address, files, checkpoint }, backend }: DrawRequest): Promise<Model> {
  const key = `${backend} ${address} ${checkpoint}`;
  if (loaded?.key !== key) {
    const before = loaded;
    loaded = {
      key,
      model: read({ address, ...(files && { files }), ...(checkpoint && { checkpoint }) }, backend),
    };
    await before?.model.then(close).catch(() => undefined);
  }
  try {
    return await loaded.model;
  } catch (error) {
    loaded = undefined;
    throw error;
  }
}

async function read(
  { address, files, checkpoint }: ModelSource,
  choice: DrawRequest["backend"],
): Promise<Model> {
  const source = files === undefined ? address : await mountFiles(files);
  const backend = await createBackend({ backend: choice });
  try {
    const pipeline = await loadPipeline(source, { backend });
    if (checkpoint !== undefined) {
      pipeline.unet.loadStateDict(await weightsOf(checkpoint));
      pipeline.weightsChanged();
    }
    return { backend, pipeline, source };
  } catch (error) {
    await backend.close();
    if (files !== undefined) unmountFiles(source);
    throw error;
  }
}

async function close({ backend, pipeline, source }: Model): Promise<void> {
  await pipeline.close();
  await backend.close();
  unmountFiles(source);
}

const WEIGHTS = "diffusion_pytorch_model.safetensors";

/** The weights that a checkpoint draws with: the average, if there is one. */
async function weightsOf(checkpoint: string): Promise<StateDict> {
  const [average, trained] = ["unet_ema", "unet"].map((name) => `${checkpoint}/${name}`);
  if (!/^https?:/.test(checkpoint)) return readStateDict(average).catch(() => readStateDict(trained));
  for (const folder of [average, trained]) {
    const response = await fetch(`${folder}/${WEIGHTS}`);
    if (!response.ok) continue;
    const file = await mountFiles([new File([await response.blob()], WEIGHTS)]);
    try {
      return await readStateDict(file.slice(0, file.lastIndexOf("/")));
    } finally {
      unmountFiles(file);
    }
  }
  throw new Error("the checkpoint is no longer there: a run keeps its last ones; choose another");
}
