// What the form of a drawing holds, and the request that it stands for.

import { isSamplerName, makeSampler } from "imago";
import { pixelsOf } from "../../engine/draw/pictures.ts";
import type { Beside, DrawRequest, Lora, OptionValue, Repaint, Start } from "../../engine/messages.ts";
import type { StartImage } from "../../engine/start_image.ts";
import type { Mask } from "../../parts/mask_canvas.tsx";
import { addressOfModel } from "../../places/server_models.ts";
import { models } from "../../state.ts";
import type { Given } from "./given.ts";
import { isRun } from "./source.ts";

/** "" for what the pipeline chooses. */
export interface Values {
  /** The key of a run, the name of a model of the server, or one of OTHERS. */
  readonly source: string;
  /** The step of a run's checkpoint. */
  readonly checkpoint: string;
  readonly address: string;
  /** A pipeline's folder of the user's disk, and a single file. */
  readonly folder: Given | null;
  readonly file: Given | null;
  /** Of a single file: a tokenizer of the server, the key of a pipeline, or the user's; "" for the one beside it. */
  readonly tokenizer: string;
  readonly ownTokenizer: Beside | null;
  readonly scheduler: string;
  /** Of the scheduler, by its names. */
  readonly options: Readonly<Record<string, string>>;
  readonly steps: string;
  readonly eta: string;
  readonly seed: string;
  readonly count: string;
  readonly classLabel: string;
  readonly guidanceScale: string;
  readonly prompt: string;
  readonly negativePrompt: string;
  /** Towards the prompt; that of classes is for other models. */
  readonly promptGuidance: string;
  readonly size: string;
  readonly image: StartImage | null;
  /** What of the image is drawn anew: painted on its preview, or an image of its own. Null for all of it. */
  readonly mask: Mask | File | null;
  readonly strength: string;
  readonly showsSteps: boolean;
  /** The weights of the LoRAs that take part, by their names. */
  readonly loras: Readonly<Record<string, string>>;
  /** LoRAs of the user's disk. */
  readonly ownLoras: readonly File[];
  /** Seeds with commas. */
  readonly walk: string;
  readonly backend: DrawRequest["backend"];
}

export const NO_VALUES: Values = {
  ...{ source: "", checkpoint: "", address: "hf:", folder: null, file: null },
  ...{ tokenizer: "", ownTokenizer: null },
  ...{ scheduler: "", options: {}, steps: "", eta: "" },
  ...{ seed: "0", count: "", classLabel: "", guidanceScale: "", walk: "", backend: "auto" },
  ...{ prompt: "", negativePrompt: "", promptGuidance: "", size: "", showsSteps: false },
  ...{ image: null, mask: null, strength: "", loras: {}, ownLoras: [] },
};

/** Schedulers whose steps take a share of random noise. */
export const TAKES_ETA: readonly string[] = ["ddim", "tcd"];

/** Whether it takes a number of steps, or chooses its own. */
export const takesSteps = (scheduler: string): boolean =>
  !isSamplerName(scheduler) || Object.hasOwn(makeSampler(scheduler).config, "steps");

/** Of more pictures, the steps do not show what the model takes for the clean ones. */
const MOST_CLEAN = 16;
export const MOST_PICTURES = 64;
/** Pictures of a part that is drawn anew. */
const REPAINTED = 4;

/** Whether pictures are of a prompt, or of an image, which needs one; runs see neither. */
export const hasPrompt = ({ source, prompt, image }: Values): boolean =>
  !isRun(source) && (prompt !== "" || image !== null);

/** Pictures where no number is given: those of a prompt take long. */
export const usualCount = (values: Values): number => (hasPrompt(values) ? 1 : 9);

/** @returns what the worker draws; numbers that are none are left to the pipeline, which says what it expects */
export function requestOf(place: DrawRequest["model"], values: Values): DrawRequest {
  const { scheduler, steps, seed, classLabel, backend } = values;
  const isPrompted = hasPrompt(values);
  const guidanceScale = isPrompted ? values.promptGuidance : values.guidanceScale;
  const seeds = values.walk.split(",").filter((text) => text.trim() !== "");
  const wanted = values.count === "" ? usualCount(values) : Math.floor(Number(values.count)) || 1;
  const count = Math.min(MOST_PICTURES, Math.max(1, wanted));
  const options = Object.entries(values.options).filter(([, text]) => text !== "");
  const loras = isPrompted ? lorasOf(values) : [];
  const model = { ...place, ...(loras.length > 0 && { loras }) };
  return {
    ...{ model, count, seed: Number(seed), backend, showsClean: count <= MOST_CLEAN },
    ...(seeds.length > 0 && { walk: seeds.map(Number) }),
    ...(scheduler !== "" && { scheduler }),
    ...(takesSteps(scheduler) && steps !== "" && { steps: Number(steps) }),
    ...(options.length > 0 && {
      options: Object.fromEntries(options.map(([name, text]) => [name, typedValue(text)])),
    }),
    ...(TAKES_ETA.includes(scheduler) && values.eta !== "" && { eta: Number(values.eta) }),
    ...(classLabel !== "" && { classLabel }),
    ...(guidanceScale !== "" && { guidanceScale: Number(guidanceScale) }),
    ...(isPrompted && ofPrompt(values)),
  };
}

function ofPrompt({ prompt, negativePrompt, size, showsSteps, ...more }: Values): Partial<DrawRequest> {
  const start = startOf(more);
  return {
    ...(prompt !== "" && { prompt }),
    showsSteps,
    ...(negativePrompt !== "" && { negativePrompt }),
    ...(size !== "" && { size: sizeOf(size) }),
    ...(start !== undefined && { start }),
  };
}

/** "512" or "768x512". */
function sizeOf(text: string): { readonly width: number; readonly height: number } {
  const [width, height = width] = text.split(/[x\u00d7]/).map((side) => Number(side.trim() || Number.NaN));
  return { width, height };
}

function startOf({ image, mask, strength }: Pick<Values, "image" | "mask" | "strength">): Start | undefined {
  if (image === null) return undefined;
  const { width, height } = image.preview;
  return {
    image: image.file,
    ...(mask !== null && { mask: mask instanceof File ? mask : { width, height, ...lightWhereAnew(mask) } }),
    ...(strength !== "" && { strength: Number(strength) }),
  };
}

/** As inpainting has it: what is drawn anew is light. */
const lightWhereAnew = (mask: Mask) => ({ channels: 1, data: mask.map((level) => 255 - level) }) as const;

/** Draws a part of a picture anew: as the prompt says, or without prompts by RePaint. */
export function anew(request: DrawRequest, repaint: Repaint): DrawRequest {
  if (request.prompt === undefined) return { ...request, count: REPAINTED, showsClean: false, repaint };
  const { width, height } = repaint.picture;
  const mask = { width, height, ...lightWhereAnew(repaint.mask) };
  const count = Math.min(request.count, REPAINTED);
  return { ...request, count, size: { width, height }, start: { image: pixelsOf(repaint.picture), mask } };
}

/** Those that take part. */
function lorasOf({ loras, ownLoras }: Values): Lora[] {
  const files = new Map<string, File | string>([
    ...models.value.loras.map((name): [string, string] => [name, addressOfModel(name)]),
    ...ownLoras.map((file): [string, File] => [file.name, file]),
  ]);
  return Object.entries(loras).flatMap(([name, weight]) => {
    const file = files.get(name);
    return file === undefined ? [] : [{ name, file, weight: weight === "" ? 1 : Number(weight) }];
  });
}

function typedValue(text: string): OptionValue {
  if (text === "true" || text === "false") return text === "true";
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}
