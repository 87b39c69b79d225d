// Strict parsers for option values: the whole text must be the value, and in range. Errors name the option, the given
// value, and the expected one.

import { parsePythonJson } from "../io/diffusers_json.ts";
import type { Extent } from "../io/image/index.ts";
import { UsageError } from "./errors.ts";

type Parser<T> = (text: string) => T;

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A whole number in [min, max]. */
export function integer(option: string, min: number, max = Number.MAX_SAFE_INTEGER): Parser<number> {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < min || value > max) {
      throw new UsageError(`${option} is "${text}"; expected a whole number ${range(min, max)}`);
    }
    return value;
  };
}

/** Several whole numbers of at least 0, with commas. */
export function integers(option: string, least: number, most: number): Parser<number[]> {
  return (text) => {
    const values = text.split(",").map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
    if (values.length < least || values.length > most || !values.every(Number.isSafeInteger)) {
      throw new UsageError(
        `${option} is "${text}"; expected ${least} to ${most} whole numbers with commas, such as 3,7,12`,
      );
    }
    return values;
  };
}

/** A finite number with `min` < value (or <= with `inclusive`) and value <= max; without bounds, any. */
export function decimal(
  option: string,
  {
    min = -Number.MAX_VALUE,
    max = Number.MAX_VALUE,
    inclusive = true,
  }: { min?: number; max?: number; inclusive?: boolean },
): Parser<number> {
  return (text) => {
    const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value) || value < min || value > max || (value === min && !inclusive)) {
      throw new UsageError(`${option} is "${text}"; expected a number${bounds(min, max, inclusive)}`);
    }
    return value;
  };
}

/** One of a list of names. */
export function choice<const T extends string>(option: string, names: readonly T[]): Parser<T> {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new UsageError(`${option} is "${text}"; expected ${orList(names)}`);
    return found;
  };
}

/** One of a list of numbers. */
export function numberChoice<const T extends number>(option: string, numbers: readonly T[]): Parser<T> {
  return (text) => {
    const found = numbers.find((number) => String(number) === text);
    if (found === undefined) {
      throw new UsageError(`${option} is "${text}"; expected ${orList(numbers.map(String))}`);
    }
    return found;
  };
}

/** The size of images: one number for squares, or WIDTHxHEIGHT. */
export function imageSize(option: string, min: number, max: number): Parser<Extent> {
  return (text) => {
    const [, width = text, height = width] = /^(\d+)x(\d+)$/i.exec(text) ?? [];
    const sides = [width, height].map((side) => (/^\d+$/.test(side) ? Number(side) : Number.NaN));
    if (sides.every((side) => Number.isSafeInteger(side) && side >= min && side <= max)) {
      return { width: sides[0], height: sides[1] };
    }
    throw new UsageError(
      `${option} is "${text}"; expected a side ${range(min, max)}, or width and height such as 96x128`,
    );
  };
}

/** Two whole numbers with a comma, may be of a place: from the top and from the left. */
export function corner(option: string, max: number): Parser<readonly [top: number, left: number]> {
  return (text) => {
    const [, top, left] = /^(\d+),(\d+)$/.exec(text) ?? [];
    const place = [Number(top), Number(left)] as const;
    if (place.every((at) => Number.isSafeInteger(at) && at <= max)) return place;
    throw new UsageError(
      `${option} is "${text}"; expected pixels from the top and from the left, up to ${max}, such as 0,128`,
    );
  };
}

/** A colour: #rrggbb. */
export function color(option: string): Parser<string> {
  return (text) => {
    if (/^#[0-9a-f]{6}$/i.test(text)) return text;
    throw new UsageError(`${option} is "${text}"; expected a colour such as "#ffffff"`);
  };
}

/** A file name that ends in one of `extensions`. */
export function fileName(option: string, extensions: readonly string[]): Parser<string> {
  return (text) => {
    if (!extensions.some((extension) => text.toLowerCase().endsWith(extension))) {
      throw new UsageError(`${option} is "${text}"; expected a file name that ends in ${orList(extensions)}`);
    }
    return text;
  };
}

/** Text that is not empty. */
export function nonEmpty(option: string): Parser<string> {
  return (text) => {
    if (text.trim() === "") throw new UsageError(`${option} is empty; expected a name`);
    return text;
  };
}

/** Any text, may be repeated. */
export const texts = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** A file that takes part by a share. */
export interface WeightedFile {
  readonly file: string;
  readonly weight: number;
}

/** FILE or FILE:WEIGHT, may be repeated; the weight is 1 where it is not given. */
export function weightedFiles(
  option: string,
): (text: string, before?: readonly WeightedFile[]) => readonly WeightedFile[] {
  return (text, before = []) => {
    const end = text.lastIndexOf(":");
    const isWeighted = DECIMAL.test(text.slice(end + 1));
    // Other colons are of the name, as in C:\loras.
    const [file, weight] =
      end >= 0 && isWeighted ? [text.slice(0, end), Number(text.slice(end + 1))] : [text, 1];
    if (file.trim() === "" || /\.safetensors:[^/\\]*$/.test(file)) {
      throw new UsageError(
        `${option} is "${text}"; expected FILE or FILE:WEIGHT, such as style.safetensors:0.8`,
      );
    }
    return [...before, { file, weight }];
  };
}

/** KEY=VALUE, may be repeated: values are JSON (true, 3, [1, 2], null) or else text. */
export function settings(
  option: string,
): (text: string, before?: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>> {
  return (text, before = {}) => {
    const [, key, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) {
      throw new UsageError(`${option} is "${text}"; expected NAME=VALUE, such as use_karras_sigmas=true`);
    }
    return { ...before, [key]: jsonOrText(value) };
  };
}

function jsonOrText(text: string): unknown {
  try {
    return parsePythonJson(text, "value");
  } catch {
    return text;
  }
}

/** A license identifier of the Hugging Face Hub. */
export function license(option: string): Parser<string> {
  return (text) => {
    if (/^[a-z0-9]+([.+-][a-z0-9]+)*$/.test(text)) return text;
    throw new UsageError(`${option} is "${text}"; expected a name such as apache-2.0, mit or cc-by-4.0`);
  };
}

function bounds(min: number, max: number, inclusive: boolean): string {
  if (max !== Number.MAX_VALUE) return ` ${range(min, max)}`;
  return min === -Number.MAX_VALUE ? "" : ` ${inclusive ? "of at least" : "above"} ${min}`;
}

const range = (min: number, max: number): string =>
  max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;

/** "a", "a or b", "a, b or c". */
const orList = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
