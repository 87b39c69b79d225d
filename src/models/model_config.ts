// The configs of models: a table of options with checks and defaults, camelCase in code and snake_case in config.json.

import * as v from "valibot";
import type { JsonObject, JsonValue } from "../io/diffusers_json.ts";
import { DIFFUSERS_VERSION } from "../io/diffusers_version.ts";
import { plain, shown } from "../io/plain.ts";

/** Options that contradict each other or are not supported by a model's class. The message is one line. */
export class ModelConfigError extends Error {
  override readonly name = "ModelConfigError";
}

/** Limits of a model: more than is of use, and small enough to be built and counted at once. */
export const MOST = {
  channels: 2 ** 16,
  levels: 12,
  layers: 32,
  classes: 1_000_000,
  timesteps: 2 ** 16,
  pixels: 2 ** 14,
} as const;

/** A whole number from 1 to `most`. */
export const count = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most));
/** A number of channels. */
export const channels = count(MOST.channels);
/** A finite number. */
export const finite = v.pipe(v.number(), v.finite());
/** A finite number above 0. */
export const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));
/** A probability of dropout. */
export const probability = v.pipe(v.number(), v.minValue(0), v.ltValue(1));
/** One entry for each level of a model. */
export const perLevel = <T extends v.GenericSchema>(entry: T) =>
  v.pipe(v.array(entry), v.minLength(1), v.maxLength(MOST.levels));
const pixels = count(MOST.pixels);
/** Image size: one number or [height, width]. */
export const imageSize = v.union([pixels, v.strictTuple([pixels, pixels])]);

/** Height and width of an image size. */
export function extentOf(size: v.InferOutput<typeof imageSize>): {
  readonly height: number;
  readonly width: number;
} {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  return { height, width };
}

type Schema<E extends v.ObjectEntries> = v.StrictObjectSchema<E, undefined>;
type Config<E extends v.ObjectEntries> = Readonly<v.InferOutput<Schema<E>>>;

/** What a class of models says of its config. */
interface ConfigKind<E extends v.ObjectEntries> {
  /** Its class name in files. */
  readonly className: string;
  /** Class names of files from before it had this one. Default: none. */
  readonly formerNames?: readonly string[];
  /** The options, by their names in code. */
  readonly entries: E;
  /** Checks options against each other. @throws ModelConfigError */
  readonly checkTogether?: (config: Config<E>) => void;
}

/** Reads and writes the config of one class of models. E: its options. */
export class ConfigReader<E extends v.ObjectEntries> {
  readonly className: string;
  readonly #formerNames: readonly string[];
  readonly #schema: Schema<E>;
  readonly #checkTogether: (config: Config<E>) => void;
  /** Name in files -> name in code. */
  readonly #names: ReadonlyMap<string, string>;

  constructor({ className, formerNames = [], entries, checkTogether = () => {} }: ConfigKind<E>) {
    this.className = className;
    this.#formerNames = formerNames;
    this.#schema = v.strictObject(entries);
    this.#checkTogether = checkTogether;
    this.#names = new Map(Object.keys(entries).map((key) => [toSnake(key), key]));
  }

  /** Fills in defaults and checks. @throws ModelConfigError naming the option that does not fit */
  resolve(options: unknown): Config<E> {
    return this.#check(options, (path) => path);
  }

  /**
   * Parses a config.json. Keys that start with _ are skipped, as in diffusers.
   * @returns the options, and the unknown keys that were ignored
   * @throws ModelConfigError when it is for another class or an option does not fit
   */
  fromJson(json: unknown): { config: Config<E>; ignored: string[] } {
    if (typeof json !== "object" || json === null || Array.isArray(json)) {
      throw this.error("expected a JSON object");
    }
    const fields = Object.entries(json);
    const className = fields.find(([key]) => key === "_class_name")?.[1];
    const known: readonly unknown[] = [undefined, this.className, ...this.#formerNames];
    if (!known.includes(className)) {
      throw new ModelConfigError(
        `the config is for the class ${shown(className)}; only ${this.className} is known`,
      );
    }
    const options: Record<string, unknown> = {};
    const ignored: string[] = [];
    for (const [key, value] of fields) {
      const name = this.#names.get(key);
      if (name !== undefined) options[name] = value;
      else if (!key.startsWith("_")) ignored.push(key);
    }
    return { config: this.#check(options, (path) => path.replace(/^\w+/, toSnake)), ignored };
  }

  /** An error about this config. */
  error(problem: string): ModelConfigError {
    return new ModelConfigError(`${this.className} config: ${problem}`);
  }

  /** An error in building a model: what its layers refuse is an error about the config. */
  explained(error: unknown): unknown {
    return error instanceof RangeError ? this.error(error.message) : error;
  }

  /** @throws ModelConfigError when the model has more parameters than `most` */
  checkParameterCount(parameters: number, most: number): void {
    if (parameters <= most) return;
    throw this.error(
      `its weights are ${Math.round(parameters / 1e6)} M values, where ${Math.floor(most / 1e6)} M fit into memory; use fewer channels, layers or classes`,
    );
  }

  #check(options: unknown, shownPath: (path: string) => string): Config<E> {
    const result = v.safeParse(this.#schema, options, { abortEarly: true });
    if (!result.success) {
      const [issue] = result.issues;
      const path = v.getDotPath(issue);
      const where = path === null ? "" : `${plain(shownPath(path))}: `;
      throw this.error(`${where}${plain(issue.message)}`);
    }
    this.#checkTogether(result.output);
    return result.output;
  }
}

/** The contents of config.json as diffusers writes it. */
export function configToJson(className: string, config: Readonly<Record<string, JsonValue>>): JsonObject {
  return { _class_name: className, _diffusers_version: DIFFUSERS_VERSION, ...withSnakeKeys(config) };
}

/** The same values under their names in files. */
export const withSnakeKeys = (config: Readonly<Record<string, JsonValue>>): JsonObject =>
  Object.fromEntries(Object.entries(config).map(([key, value]) => [toSnake(key), value]));

const toSnake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
