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
import type { DrawRequest, ModelSource, SingleFile } from "../messages.ts";
import { withMounted } from "./mounted.ts";
import { type Loaded, PromptPipelines } from "./prompt_pipelines.ts";
import { say } from "./say.ts";

export interface Model {
  readonly backend: Backend;
  /** With models that see prompts, all that draws with them. */
  readonly pipeline: Exclude<LoadedPipeline, Loaded> | PromptPipelines;
  /** What loadPipeline took for it. */
  readonly source: string;
}

let loaded: { readonly key: string; readonly model: Promise<Model> } | undefined;

/** Opens the pipeline of a request, with its LoRAs; the one before is closed first, as memory may be short of two. */
export async function open({ model: { loras = [], ...place }, backend }: DrawRequest): Promise<Model> {
  const { address, checkpoint } = place;
  const key = `${backend} ${address} ${checkpoint}`;
  if (loaded?.key !== key) {
    const before = loaded?.model.then(close).catch(() => undefined);
    loaded = { key, model: Promise.resolve(before).then(() => read(place, backend)) };
  }
  const own = loaded;
  const model = await own.model.catch((error: unknown) => {
    if (loaded === own) loaded = undefined;
    throw error;
  });
  if (model.pipeline instanceof PromptPipelines) await model.pipeline.useLoras(loras);
  return model;
}

const warn = (text: string): void => say({ kind: "warning", text });

async function read(
  { address, files, checkpoint, single }: ModelSource,
  choice: DrawRequest["backend"],
): Promise<Model> {
  const source = files === undefined ? address : await mountFiles(files);
  const backend = await createBackend({ backend: choice });
  try {
    const pipeline =
      single === undefined
        ? await loadPipeline(source, { backend, warn, onDownload })
        : await readSingle(single, backend);
    if ("components" in pipeline) {
      return { backend, pipeline: new PromptPipelines(pipeline, { backend, warn }), source };
    }
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

function onDownload({ bytes, totalBytes }: { readonly bytes: number; readonly totalBytes: number }): void {
  const share = totalBytes === 0 ? 1 : bytes / totalBytes;
  say({ kind: "stage", text: `reading the model, ${Math.floor(100 * share)} %` });
}

/** The file and what was chosen with it, in one folder. */
async function readSingle({ weights, beside }: SingleFile, backend: Backend) {
  if (beside === null) {
    throw new Error(
      "the vocabulary is not in a single file; choose its tokenizer, such as that of a pipeline",
    );
  }
  const { kind, files } = beside;
  const name = "model.safetensors";
  const placed = [
    { path: `single/${name}`, file: weights.file },
    ...files.map(({ path, file }) => ({ path: `single/${kind}/${path}`, file })),
  ];
  return withMounted(placed, (folder) =>
    loadPipeline(`${folder}/${name}`, { backend, warn, [kind]: `${folder}/${kind}` }),
  );
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
    const file = new File([await response.blob()], WEIGHTS);
    return withMounted([{ path: `checkpoint/${WEIGHTS}`, file }], (path) => readStateDict(path));
  }
  throw new Error("the checkpoint is no longer there: a run keeps its last ones; choose another");
}
