// What the form of a drawing holds, and the request that it stands for.

import { isSamplerName, makeSampler } from "imago";
import type { PlacedFile } from "imago/browser";
import type { DrawRequest, ModelSource, OptionValue } from "../../engine/messages.ts";
import { PLACES, runs } from "../../state.ts";

/** "" for what the pipeline chooses. */
export interface Values {
  /** The key of a run, or one of OTHERS. */
  readonly source: string;
  /** The step of a run's checkpoint. */
  readonly checkpoint: string;
  readonly address: string;
  readonly folder: Folder | null;
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
  /** Seeds with commas. */
  readonly walk: string;
  readonly backend: DrawRequest["backend"];
}

/** A pipeline's folder of the user's disk. */
export interface Folder {
  /** Of no other folder. */
  readonly name: string;
  readonly files: readonly PlacedFile[];
}

let folders = 0;

export const folderOf = (files: readonly PlacedFile[]): Folder => ({ name: `folder ${folders++}`, files });

/** Models that are no runs. */
export const OTHERS = {
  folder: "a folder of this computer",
  address: "an address, or hf:OWNER/NAME",
} as const;
export const isOther = (source: string): source is keyof typeof OTHERS => Object.hasOwn(OTHERS, source);

export const NO_VALUES: Values = {
  ...{
    source: "",
    checkpoint: "",
    address: "hf:",
    folder: null,
    scheduler: "",
    options: {},
    steps: "",
    eta: "",
  },
  ...{ seed: "0", count: "9", classLabel: "", guidanceScale: "", walk: "", backend: "auto" },
  ...{ prompt: "", negativePrompt: "", promptGuidance: "" },
};

/** Schedulers whose steps take a share of random noise. */
export const TAKES_ETA: readonly string[] = ["ddim", "tcd"];

/** Whether it takes a number of steps, or chooses its own. */
export const takesSteps = (scheduler: string): boolean =>
  !isSamplerName(scheduler) || Object.hasOwn(makeSampler(scheduler).config, "steps");

/** Of more pictures, the steps do not show what the model takes for the clean ones. */
const MOST_CLEAN = 16;
export const MOST_PICTURES = 64;

/** @returns undefined while there is nothing to draw with */
export function modelOf({ source, checkpoint, address, folder }: Values): ModelSource | undefined {
  if (source === "folder") return folder === null ? undefined : { address: folder.name, files: folder.files };
  if (source === "address") return /^(hf:)?$/.test(address.trim()) ? undefined : { address: address.trim() };
  return modelOfRun(source, checkpoint);
}

/** A run's pipeline is where the run is. @param checkpoint the step of one, "" for the last weights */
export function modelOfRun(key: string, checkpoint = ""): ModelSource | undefined {
  const run = runs.value.find((one) => one.key === key);
  if (run === undefined) return undefined;
  const place = PLACES[run.place];
  return {
    address: place.pipelineOf(run.name),
    ...(checkpoint !== "" && { checkpoint: place.checkpointOf(run.name, Number(checkpoint)) }),
  };
}

/** @returns what the worker draws; numbers that are none are left to the pipeline, which says what it expects */
export function requestOf(model: ModelSource, values: Values): DrawRequest {
  const { source, scheduler, steps, seed, classLabel, backend } = values;
  // Runs see none.
  const { prompt, negativePrompt, promptGuidance } = isOther(source) ? values : NO_VALUES;
  const guidanceScale = prompt === "" ? values.guidanceScale : promptGuidance;
  const seeds = values.walk.split(",").filter((text) => text.trim() !== "");
  const count = Math.min(MOST_PICTURES, Math.max(1, Math.floor(Number(values.count)) || 1));
  const options = Object.entries(values.options).filter(([, text]) => text !== "");
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
    ...(prompt !== "" && { prompt }),
    ...(prompt !== "" && negativePrompt !== "" && { negativePrompt }),
  };
}

function typedValue(text: string): OptionValue {
  if (text === "true" || text === "false") return text === "true";
  return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
}
