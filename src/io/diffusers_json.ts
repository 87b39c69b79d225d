// JSON as Python's json writes and reads it.
// Written: json.dumps(value, indent=2, sort_keys=True) + "\n": keys sorted, one array element a line, non-ASCII
// characters escaped, floats as Python's repr (1e-05, 0.0). JavaScript does not distinguish 0.0 from 0, so the writer
// is given the keys that hold floats.
// Read: JSON plus Python's Infinity and -Infinity, of bounded size, checked against a schema.

import * as v from "valibot";
import { files } from "#platform";
import { FileError } from "../platform/errors.ts";
import { readBounded } from "./bounded_bytes.ts";
import { compareCodePoints } from "./code_points.ts";
import { asForeign } from "./foreign.ts";
import { plain } from "./plain.ts";
import { decodeUtf8 } from "./text.ts";

/** A JSON value. Numbers may be infinite, as in Python. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object; keys whose value is undefined are not written. */
export type JsonObject = { readonly [key: string]: JsonValue | undefined };

/** An object, and no list, which a schema of an object's keys alone takes too. */
export const jsonObject = v.custom<object>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "an object was expected",
);

/** The largest JSON file that is read (bytes): indices of very large checkpoints take a few hundred kilobytes. */
export const MAX_JSON_BYTES = 16 * 2 ** 20;
/** The deepest nesting of arrays and objects: code that walks them must not overflow the stack. */
const MAX_DEPTH = 64;
/** The most values in a file: a value such as "{}" takes a hundred times the memory of its text. */
const MAX_VALUES = 2 ** 20;

/**
 * The text Python's `json.dumps(value, indent=2, sort_keys=True) + "\n"` gives.
 * @param floatKeys keys whose numbers, also inside arrays, are floats in Python: 0 under them is written 0.0.
 *   Numbers that are not whole are floats under any key.
 */
export function toPythonJson(value: JsonValue, floatKeys: ReadonlySet<string> = new Set()): string {
  return `${dump(value, floatKeys, false, "\n")}\n`;
}

/**
 * A float64 as Python's `repr` writes it: the shortest digits that read back the same, `1e-05`, `0.0`; inf becomes
 * `Infinity`.
 */
export function pythonFloat(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity";
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const [mantissa, power] = Math.abs(x).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${digits.slice(exponent + 1) || "0"}`;
}

/** Writes a JSON file as Python's json does, atomically. @throws FileError */
export async function writePythonJson(
  path: string,
  value: JsonValue,
  floatKeys?: ReadonlySet<string>,
): Promise<void> {
  await files.writeFileAtomic(path, toPythonJson(value, floatKeys));
}

/**
 * Reads a JSON file, as Python does: Infinity and -Infinity are numbers.
 * @throws FileError, in one line, if it cannot be read, is above `maxBytes`, or is not JSON
 */
export async function readJson(path: string, maxBytes = MAX_JSON_BYTES): Promise<unknown> {
  const bytes = await readBounded(path, maxBytes, "a JSON file");
  try {
    return parsePythonJson(decodeUtf8(bytes), path);
  } catch (error) {
    throw asForeign(error, bytes, path, "JSON text");
  }
}

/**
 * Reads a JSON file and checks it against a schema.
 * @throws FileError as `readJson` does, and naming the first key whose value does not fit the schema
 */
export async function readJsonAs<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
  maxBytes = MAX_JSON_BYTES,
): Promise<v.InferOutput<Schema>> {
  return checkJson(await readJson(path, maxBytes), schema, path);
}

/** Checks a value against a schema. @throws FileError naming the first key whose value does not fit */
function checkJson<Schema extends v.GenericSchema>(
  value: unknown,
  schema: Schema,
  source: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = v.getDotPath(issue);
  throw new FileError(source, `${key === null ? "" : `${plain(key)}: `}${plain(issue.message)}`);
}

/**
 * Parses JSON text as Python's json.loads does, with Infinity and -Infinity. NaN is refused: no setting can mean it.
 * @throws FileError if the text is not JSON, nests too deeply or has too many values
 */
export function parsePythonJson(text: string, source: string): unknown {
  checkExtent(text, source);
  try {
    return JSON.parse(text.includes("Infinity") ? replaceInfinities(text) : text);
  } catch (error) {
    const reason = error instanceof Error ? plain(error.message) : String(error);
    throw new FileError(source, `this is not JSON text: ${reason}`, { cause: error });
  }
}

/** Counts the values of the text and their depth before anything is parsed. */
function checkExtent(text: string, source: string): void {
  let depth = 0;
  let values = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text[i];
    if (isString) {
      if (unit === "\\") i++;
      else if (unit === '"') isString = false;
    } else if (unit === '"') isString = true;
    else if (unit === "," || unit === "[" || unit === "{") {
      values++;
      if (unit !== "," && ++depth > MAX_DEPTH) {
        throw new FileError(source, `arrays and objects lie more than ${MAX_DEPTH} deep in one another`);
      }
      if (values > MAX_VALUES) {
        throw new FileError(source, `it holds more than ${MAX_VALUES} values, more than any settings do`);
      }
    } else if (unit === "]" || unit === "}") depth--;
  }
}

/** Replaces every Infinity outside of strings by 1e999, which JSON.parse reads as infinity. */
function replaceInfinities(text: string): string {
  return text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|\bInfinity\b/g, (token) =>
    token === "Infinity" ? "1e999" : token,
  );
}

function dump(value: JsonValue, floatKeys: ReadonlySet<string>, isFloat: boolean, newline: string): string {
  if (typeof value === "number") {
    return Number.isInteger(value) && !isFloat ? BigInt(value).toString() : pythonFloat(value);
  }
  if (typeof value === "string") return pythonString(value);
  if (value === null || typeof value === "boolean") return String(value);
  const inner = `${newline}  `;
  if (isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${inner}${value.map((item) => dump(item, floatKeys, isFloat, inner)).join(`,${inner}`)}${newline}]`;
  }
  const fields: string[] = [];
  for (const key of Object.keys(value).sort(compareCodePoints)) {
    const item = value[key];
    if (item !== undefined)
      fields.push(`${pythonString(key)}: ${dump(item, floatKeys, floatKeys.has(key), inner)}`);
  }
  return fields.length === 0 ? "{}" : `{${inner}${fields.join(`,${inner}`)}${newline}}`;
}

/** Escapes everything but printable ASCII, as json.dumps does. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isArray(value: readonly JsonValue[] | JsonObject): value is readonly JsonValue[] {
  return Array.isArray(value);
}
