// The fields of the form for a training, and the options of imago train that they stand for.

import { PRESET_NAMES, PRESETS as RECIPES } from "imago";
import type { TrainOptions } from "../places/place.ts";
import type { PlaceName } from "../state.ts";

export interface FormValues {
  readonly name: string;
  readonly data: string;
  readonly preset: string;
  readonly size: string;
  readonly steps: string;
  readonly batchSize: string;
  readonly learningRate: string;
  readonly seed: string;
  readonly backend: string;
  readonly precision: string;
}
type FieldName = keyof FormValues;

export interface Field {
  readonly name: FieldName;
  readonly title: string;
  /** What an empty field means. */
  readonly help?: string;
  readonly kind: "text" | "number" | "choice";
  /** Whether only the server has it. */
  readonly isServers?: boolean;
  readonly choices?: readonly { readonly value: string; readonly title: string }[];
}

export const PRESETS = PRESET_NAMES.map((name) => ({ name, summary: RECIPES[name].summary }));

const named = (values: readonly string[]) => values.map((value) => ({ value, title: value }));

export const FIELDS: readonly Field[] = [
  { name: "name", title: "name", kind: "text" },
  {
    name: "data",
    title: "images",
    help: "drawn butterflies; or a folder, a file, hf:NAME",
    kind: "text",
    isServers: true,
  },
  { name: "preset", title: "preset", kind: "choice", choices: named(PRESET_NAMES) },
  { name: "size", title: "size", help: "the preset's; 96, or 96x128", kind: "text" },
  { name: "steps", title: "steps", help: "the preset's", kind: "number" },
  { name: "batchSize", title: "images per step", help: "the preset's", kind: "number" },
  { name: "learningRate", title: "learning rate", help: "the preset's", kind: "number" },
  { name: "seed", title: "seed", help: "0", kind: "number" },
  { name: "backend", title: "computes on", kind: "choice", choices: named(["auto", "webgpu", "wasm"]) },
  { name: "precision", title: "precision", kind: "choice", choices: named(["fp32", "fp16"]) },
];

export const DEFAULTS: Omit<FormValues, "name"> = {
  ...{ data: "", preset: "quick", size: "", steps: "", batchSize: "", learningRate: "", seed: "" },
  ...{ backend: "auto", precision: "fp32" },
};

/** The options that are given: what is empty is left to the command. */
export const optionsOf = (place: PlaceName, { name: _, ...values }: FormValues): TrainOptions =>
  Object.fromEntries(
    Object.entries(values).filter(
      ([option, value]) =>
        value.trim() !== "" &&
        (place === "server" || !FIELDS.some(({ name, isServers }) => name === option && isServers)),
    ),
  );

/** "--batch-size is ..." is of the field batchSize. */
export function fieldOf(refused: string): FieldName | undefined {
  const flag = /^--([a-z-]+)\b/.exec(refused)?.[1];
  const name = flag?.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return FIELDS.find((field) => field.name === name)?.name;
}
