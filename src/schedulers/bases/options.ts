// The options of a scheduler: checked, completed with defaults, read from and written to JSON.
//
// Options are camelCase in code (betaSchedule) and snake_case in files (beta_schedule); the names are otherwise
// diffusers'. As in diffusers, a config remembers which options were left at their defaults: a scheduler made from it
// uses its own defaults for these. A config also keeps, hidden, the options it was made from that its class does not
// have: the next scheduler made from it may have them.

import * as v from "valibot";
import type { JsonObject, JsonValue } from "../../io/diffusers_json.ts";
import { DIFFUSERS_VERSION } from "../../io/diffusers_version.ts";
import { plain } from "../../io/plain.ts";
import type { Scheduler } from "../scheduler.ts";

/**
 * The largest T. At this size a scheduler's tables are still fast to make, and a checkpoint can still hold the
 * per-timestep losses of loss-second-moment sampling.
 */
const MOST_TIMESTEPS = 2 ** 16;

export const wholeFrom = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least));
/** A count of timesteps: T, or a number up to T. */
export const timestepCount = v.pipe(wholeFrom(1), v.maxValue(MOST_TIMESTEPS));
export const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));

/** An option, declared once: its allowed values and its default. */
export interface Option<Value> {
  readonly schema: v.GenericSchema<unknown, Value>;
  readonly defaultValue: Value;
  /** Its numbers are floats in Python: JSON has 1.0 for 1. */
  readonly isFloat: boolean;
}

/** The options of a config, by name. */
export type Options<Config> = { [Name in keyof Config]: Option<Config[Name]> };

/**
 * The config of some options, with their docstrings. Config types also name the types of the groups they spread in:
 * published declarations keep the docstrings of a group only in the file where it stands.
 */
export type ConfigOf<Declared extends Readonly<Record<string, Option<unknown>>>> = {
  -readonly [Name in keyof Declared]: Declared[Name]["defaultValue"];
};

/** As `ConfigOf`, for bases that read options which only some of their classes have. */
export type PartialConfigOf<Declared extends Readonly<Record<string, Option<unknown>>>> = {
  -readonly [Name in keyof Declared]?: Declared[Name]["defaultValue"] | undefined;
};

/** Declares an option. */
export function option<Value>(
  schema: v.GenericSchema<unknown, Value>,
  defaultValue: NoInfer<Value>,
): Option<Value> {
  return { schema, defaultValue, isFloat: false };
}

/** Declares an option whose numbers are floats in Python: JSON has 1.0 for 1. */
export function float<Value>(
  schema: v.GenericSchema<unknown, Value>,
  defaultValue: NoInfer<Value>,
): Option<Value> {
  return { schema, defaultValue, isFloat: true };
}

/** The options with other defaults. */
export function withDefaults<Config extends object>(
  options: Options<Config>,
  defaults: Partial<NoInfer<Config>>,
): Options<Config> {
  const changed: Options<Config> = { ...options };
  for (const name in options) {
    const defaultValue = defaults[name];
    if (defaultValue !== undefined) changed[name] = { ...changed[name], defaultValue };
  }
  return changed;
}

/** The config of options at their defaults. */
export function defaultsOf<Config extends object>(options: Options<Config>): Config {
  const defaults: Partial<Config> = {};
  for (const name in options) defaults[name] = options[name].defaultValue;
  assertComplete(defaults, options);
  return defaults;
}

function assertComplete<Config extends object>(
  config: Partial<Config>,
  options: Options<Config>,
): asserts config is Config {
  const missing = Object.keys(options).find((name) => !Object.hasOwn(config, name));
  if (missing !== undefined) throw new TypeError(`option ${missing} has no default`);
}

/** The options of a scheduler class, and its name in files. */
export interface OptionTable<Config extends object> extends ForeignMeanings {
  readonly className: string;
  readonly options: Options<Config>;
}

/** How this class reads values from other schedulers' configs. */
interface ForeignMeanings {
  /** Values equivalent to one of this class, by option, then by value. */
  readonly aliases?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Values without a meaning for this class, by option: its default is used instead. */
  readonly foreignValues?: Readonly<Record<string, readonly (string | null)[]>>;
}

const floatKeys = new Set<string>();

/**
 * The keys of a scheduler's JSON whose numbers are floats in Python (1 is written 1.0), over all classes, since a
 * config also keeps options of other schedulers.
 */
export const schedulerFloatKeys: ReadonlySet<string> = floatKeys;

/** Makes the table of a class's options and adds its floats to `schedulerFloatKeys`. */
export function optionTable<Config extends object>(
  className: string,
  options: Options<Config>,
  meanings: ForeignMeanings = {},
): OptionTable<Config> {
  for (const name in options) {
    if (options[name].isFloat) floatKeys.add(toSnakeCase(name));
  }
  return { className, options, ...meanings };
}

/** The source of a scheduler: the JSON of a file, another scheduler, or another scheduler's `config`. */
export type ConfigSource = Scheduler | Readonly<Record<string, unknown>>;

/** How to read a config. */
export interface FromConfigOptions {
  /** Called once, with a line that names the keys of the file that are not known here. */
  readonly warn?: (message: string) => void;
}

const defaultedKeys = new WeakMap<object, ReadonlySet<string>>();
/** The options of other schedulers that a config was made from. */
const foreignOptions = new WeakMap<object, JsonObject>();
/** The key that carries them from a config to a constructor; copies of the object keep it. */
const FOREIGN = Symbol("options of other schedulers");

class ForeignOptions {
  readonly values: JsonObject;

  constructor(values: JsonObject) {
    this.values = values;
  }
}

/**
 * Checks the options and fills in the defaults.
 * @throws RangeError naming the option, what was given and what is allowed; also for an unknown option
 */
export function resolveOptions<Config extends object>(
  table: OptionTable<Config>,
  given: object,
): Readonly<Config> {
  const present = withoutUndefined(given);
  for (const key of Object.keys(present)) {
    if (!Object.hasOwn(table.options, key)) {
      const known = Object.keys(table.options).join(", ");
      throw new RangeError(`${table.className} has no option ${plain(key)}; its options are ${known}`);
    }
  }
  const config: Readonly<Config> = Object.freeze({
    ...defaultsOf(table.options),
    ...check(table, present, (key) => key),
  });
  const defaulted = Object.keys(table.options).filter((key) => !Object.hasOwn(present, key));
  defaultedKeys.set(config, new Set(defaulted));
  if (FOREIGN in given && given[FOREIGN] instanceof ForeignOptions) {
    foreignOptions.set(config, given[FOREIGN].values);
  }
  return config;
}

/**
 * The options that a config sets explicitly, checked. Keys that start with "_" are skipped; unknown keys are reported.
 * @throws RangeError naming the key, what the config holds and what is allowed
 */
export function readConfig<Config extends object>(
  table: OptionTable<Config>,
  source: ConfigSource,
  { warn }: FromConfigOptions = {},
): Partial<Config> {
  const given: Record<string, unknown> = {};
  const unknown: string[] = [];
  const foreign: Record<string, JsonValue> = {};
  for (const [key, value] of explicitOptions(source)) {
    const name = toCamelCase(key);
    if (key.startsWith("_")) continue;
    const isOurs = Object.hasOwn(table.options, name);
    if (!isOurs) unknown.push(key);
    if (isOurs && !table.foreignValues?.[name]?.some((foreignValue) => foreignValue === value)) {
      given[name] = aliasOf(table.aliases?.[name], value);
    } else if (isJson(value)) {
      foreign[name] = value;
    }
  }
  // A config of one of our classes has that class's options, which needs no warning.
  if (unknown.length > 0 && !defaultedKeys.has(configOf(source))) {
    warn?.(`${table.className} does not know ${plain(unknown.join(", "))}: ignored`);
  }
  const options = check(table, withoutUndefined(given), toSnakeCase);
  return Object.assign(options, { [FOREIGN]: new ForeignOptions(foreign) });
}

/** The explicit options of a config, overridden by `options` (camelCase): an input for `fromConfig`. */
export function overridden(
  source: ConfigSource,
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const own = explicitOptions(source).map(([key, value]) => [toCamelCase(key), value]);
  return { ...Object.fromEntries(own), ...options };
}

const configOf = (source: ConfigSource): object => (isScheduler(source) ? source.config : source);

/** The options that a config sets explicitly, and those it keeps for other schedulers. */
function explicitOptions(source: ConfigSource): [string, unknown][] {
  const config = configOf(source);
  const defaulted = defaultedKeys.get(config);
  const own = Object.entries(config).filter(([key]) => !defaulted?.has(toCamelCase(key)));
  return [...own, ...Object.entries(foreignOptions.get(config) ?? {})];
}

/**
 * The JSON form of a config: snake_case keys, the class, the version of the format, and, as in diffusers, the options
 * of other schedulers that it was made from.
 */
export function writeConfig(className: string, config: JsonObject): JsonObject {
  const json: Record<string, JsonValue | undefined> = {
    _class_name: className,
    _diffusers_version: DIFFUSERS_VERSION,
  };
  for (const [key, value] of Object.entries({ ...config, ...foreignOptions.get(config) })) {
    json[toSnakeCase(key)] = value;
  }
  return json;
}

/** Whether a value could be an option: a scalar or a list. */
function isJson(value: unknown): value is JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return true;
  if (typeof value === "number") return Number.isFinite(value);
  return Array.isArray(value) && value.every(isJson);
}

function aliasOf(aliases: Readonly<Record<string, string>> | undefined, value: unknown): unknown {
  return typeof value === "string" ? (aliases?.[value] ?? value) : value;
}

/**
 * Checks that at most one of the flags is set.
 * @throws RangeError naming those that are set
 */
export function atMostOne(className: string, flags: Readonly<Record<string, boolean>>): void {
  const set = Object.keys(flags).filter((key) => flags[key]);
  if (set.length > 1) {
    throw new RangeError(`${className}: ${set.join(" and ")} are true, expected at most one of them`);
  }
}

function check<Config extends object>(
  { className, options }: OptionTable<Config>,
  given: Readonly<Record<string, unknown>>,
  nameOf: (key: string) => string,
): Partial<Config> {
  const checked: Partial<Config> = {};
  for (const name in options) {
    if (!Object.hasOwn(given, name)) continue;
    const result = v.safeParse(options[name].schema, given[name], { abortEarly: true });
    if (!result.success) {
      const [issue] = result.issues;
      const path = (issue.path ?? []).map(({ key }) => `[${String(key)}]`).join("");
      throw new RangeError(
        `${className}: ${plain(nameOf(name) + path)} is ${plain(issue.received)}, expected ${describe(issue.expected)}`,
      );
    }
    checked[name] = result.output;
  }
  return checked;
}

/** A schema's expectation in words: `("a" | "b")` becomes `"a" or "b"`, `>=1` stays, `null` becomes any other value. */
function describe(expected: string | null): string {
  if (expected === null) return "a whole, finite number";
  return expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ");
}

function isScheduler(source: ConfigSource): source is Scheduler {
  return "toConfig" in source && typeof source.toConfig === "function";
}

function withoutUndefined(given: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** "beta_start" -> "betaStart". */
export function toCamelCase(key: string): string {
  return key.replace(/(?<=.)_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function toSnakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
