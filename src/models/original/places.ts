// Where the weights of a model stand in a file of the original layout (CompVis, Stability AI), and in which form.

import type { WeightDtype, WeightElements, WeightSource } from "../../io/state_dict.ts";
import type { Module } from "../../nn/module.ts";

/**
 * How a weight differs there: "pixel" is a linear weight [O, I] as a convolution [O, I, 1, 1]; "transposed" is [I, O];
 * of "query", "key" and "value" one tensor holds all three, one below the other.
 */
export type OriginalForm = "same" | "pixel" | "transposed" | "query" | "key" | "value";

/** The place of one weight. */
export interface OriginalPlace {
  /** The name of the tensor in the file. */
  readonly name: string;
  readonly form: OriginalForm;
}

/** Name of a weight in diffusers or transformers -> its place. */
export type OriginalPlaces = ReadonlyMap<string, OriginalPlace>;

/** A weight of a model or a tensor of the file: float32, or the bits of 16-bit elements. */
export interface OriginalWeight {
  readonly data: WeightElements;
  readonly shape: readonly number[];
}

const THIRDS: Readonly<Partial<Record<OriginalForm, number>>> = { query: 0, key: 1, value: 2 };

/** The places of all weights of a model. @param placeOf of one of them, by its name */
export const placesOf = (model: Module, placeOf: (name: string) => OriginalPlace): OriginalPlaces =>
  new Map([...model.namedParameters().keys()].map((name) => [name, placeOf(name)]));

/** The name with the first of these patterns that fits replaced; the name itself if none does. */
export function renamed(name: string, patterns: readonly (readonly [RegExp, string])[]): string {
  const found = patterns.find(([pattern]) => pattern.test(name));
  return found === undefined ? name : name.replace(...found);
}

/**
 * The weights of a model from a file of the original layout, one after another, by their names in the model.
 * @param read a tensor of the file by its name
 */
export async function* fromOriginal<W extends OriginalWeight>(
  places: OriginalPlaces,
  read: (name: string) => Promise<W>,
): AsyncGenerator<readonly [name: string, weight: OriginalWeight, from: W], void, void> {
  /** Those of which three weights are taken, which follow each other. */
  const joined = new Map<string, W>();
  for (const [name, { name: stored, form }] of places) {
    const isJoined = THIRDS[form] !== undefined;
    if (!isJoined) joined.clear();
    const tensor = joined.get(stored) ?? (await read(stored));
    if (isJoined) joined.set(stored, tensor);
    yield [name, taken(tensor, form), tensor];
  }
}

/** The tensors of a file of the original layout. @param weights of the model */
export function toOriginal(
  places: OriginalPlaces,
  weights: ReadonlyMap<string, WeightSource>,
): Map<string, WeightSource> {
  const tensors = new Map<string, WeightSource>();
  const joined = new Map<string, WeightSource[]>();
  for (const [name, place] of places) {
    const weight = weights.get(name);
    if (weight === undefined) throw new Error(`there is no weight ${name}`);
    const third = THIRDS[place.form];
    if (third === undefined) tensors.set(place.name, put(weight, place.form));
    else {
      const parts = joined.get(place.name) ?? [];
      parts[third] = weight;
      joined.set(place.name, parts);
    }
  }
  for (const [name, parts] of joined) tensors.set(name, stacked(parts));
  return tensors;
}

/** A tensor of the file -> the weight of the model. Shapes that do not fit stay as they are: the model refuses them. */
function taken({ data, shape }: OriginalWeight, form: OriginalForm): OriginalWeight {
  if (form === "pixel") return { data, shape: isPixel(shape) ? shape.slice(0, 2) : shape };
  if (form === "transposed") {
    return shape.length === 2
      ? { data: transposed(data, shape), shape: shape.toReversed() }
      : { data, shape };
  }
  const third = THIRDS[form];
  const [rows = 0, ...row] = shape;
  if (third === undefined || rows % 3 !== 0) return { data, shape };
  const size = data.length / 3;
  return { data: data.slice(third * size, (third + 1) * size), shape: [rows / 3, ...row] };
}

const isPixel = (shape: readonly number[]): boolean => shape.length === 4 && shape[2] === 1 && shape[3] === 1;

function put(weight: WeightSource, form: OriginalForm): WeightSource {
  const { shape } = weight;
  if (form === "pixel") return { shape: [...shape, 1, 1], read: (dtype) => weight.read(dtype) };
  if (form !== "transposed" || shape.length !== 2) return weight;
  return { shape: shape.toReversed(), read: async (dtype) => transposed(await weight.read(dtype), shape) };
}

/** [R, C] -> [C, R]. */
function transposed(data: WeightElements, [rows, columns]: readonly number[]): WeightElements {
  const out = emptyLike(data, data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  }
  return out;
}

function stacked(parts: readonly WeightSource[]): WeightSource {
  const [{ shape }] = parts;
  const [rows, ...row] = shape;
  return {
    shape: [rows * parts.length, ...row],
    read: async (dtype) => joinedElements(parts, dtype),
  };
}

/** The elements of weights of one shape, one below the other. */
async function joinedElements(parts: readonly WeightSource[], dtype: WeightDtype): Promise<WeightElements> {
  const [first, ...others] = parts;
  const begin = await first.read(dtype);
  const out = emptyLike(begin, begin.length * parts.length);
  out.set(begin);
  for (const [k, part] of others.entries()) out.set(await part.read(dtype), (k + 1) * begin.length);
  return out;
}

const emptyLike = (data: WeightElements, length: number): WeightElements =>
  data instanceof Uint16Array ? new Uint16Array(length) : new Float32Array(length);
