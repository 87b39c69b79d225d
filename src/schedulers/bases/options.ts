// options.ts: the options of a scheduler: checked, completed with defaults, read from and written to JSON.
//
// Code says betaSchedule, files say beta_schedule; the names are otherwise those of diffusers. Like there, a config
// remembers which options were left at their defaults: when another scheduler is made from it, that one's own
// defaults hold for them. It also keeps the options that it was made from but does not have, out of sight: the next
// scheduler made from it may have them.

import * as v from "valibot";
import type { JsonObject, JsonValue } from "../../io/diffusers_json.ts";
import { DIFFUSERS_VERSION } from "../../io/diffusers_version.ts";
import { plain } from "../../io/plain.ts";
import { betaSchedules } from "../math/betas.ts";
import { predictionTypes } from "../math/prediction.ts";
import { timestepSpacings } from "../math/spacing.ts";
import type { Scheduler } from "../scheduler.ts";

/** The keys of a scheduler's JSON whose numbers are floats in Python: 1 under them is written 1.0. */
export const schedulerFloatKeys: ReadonlySet<string> = new Set([
  "beta_start",
  "beta_end",
  "trained_betas",
  "clip_sample_range",
  "dynamic_thresholding_ratio",
  "sample_max_value",
  "flow_shift",
  "lambda_min_clipped",
  "sigma_min",
  "sigma_max",
  "sigma_data",
  "rho",
  "s_noise",
  "timestep_scaling",
  "shift",
  "base_shift",
  "max_shift",
  "shift_terminal",
]);

/**
 * T at most. Every scheduler makes its tables of so many noise levels in a moment, and a checkpoint's file can hold
 * what loss-second-moment sampling remembers of each.
 */
const MOST_TIMESTEPS = 2 ** 16;

export const wholeFrom = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least));
/** T, and numbers that are at most T. */
export const timestepCount = v.pipe(wholeFrom(1), v.maxValue(MOST_TIMESTEPS));
const beta = v.pipe(v.number(), v.gtValue(0), v.maxValue(1));
export const positive = v.pipe(v.number(), v.finite(), v.gtValue(0));

/** The options that all schedulers over betas share. */
export const discreteEntries = {
  numTrainTimesteps: v.exactOptional(timestepCount),
  betaStart: v.exactOptional(beta),
  betaEnd: v.exactOptional(beta),
  betaSchedule: v.exactOptional(v.picklist(betaSchedules)),
  trainedBetas: v.exactOptional(v.nullable(v.array(v.pipe(v.number(), v.minValue(0), v.maxValue(1))))),
  predictionType: v.exactOptional(v.picklist(predictionTypes)),
  timestepSpacing: v.exactOptional(v.picklist(timestepSpacings)),
  stepsOffset: v.exactOptional(wholeFrom(0)),
  rescaleBetasZeroSnr: v.exactOptional(v.boolean()),
};

/** The options of schedulers that keep the predicted x_0 in range. */
export const clippingEntries = {
  clipSample: v.exactOptional(v.boolean()),
  clipSampleRange: v.exactOptional(positive),
  thresholding: v.exactOptional(v.boolean()),
  dynamicThresholdingRatio: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  sampleMaxValue: v.exactOptional(positive),
};

/** The options of schedulers that can space their sigmas in other ways than the timesteps; at most one is true. */
export const sigmaSpacingEntries = {
  useKarrasSigmas: v.exactOptional(v.boolean()),
  useExponentialSigmas: v.exactOptional(v.boolean()),
  useBetaSigmas: v.exactOptional(v.boolean()),
};

/** What a scheduler class takes: its name in files, the check of what is given, the value of what is not. */
export interface OptionTable<Config extends object> {
  readonly className: string;
  readonly schema: v.GenericSchema<unknown, Partial<Config>>;
  readonly defaults: Readonly<Config>;
  /** Values of other schedulers' configs that mean one of ours: by option, then by value. */
  readonly aliases?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Values of other schedulers' configs that say nothing here, by option: our default holds. */
  readonly foreignValues?: Readonly<Record<string, readonly (string | null)[]>>;
}

/** Where a scheduler can be made from: the JSON of a file, another scheduler, or another scheduler's `config`. */
export type ConfigSource = Scheduler | Readonly<Record<string, unknown>>;

/** How to read a config. */
export interface FromConfigOptions {
  /** Called once with a line that names the keys of a file that mean nothing here. */
  readonly warn?: (message: string) => void;
}

const defaultedKeys = new WeakMap<object, ReadonlySet<string>>();
/** By config: the options of other schedulers that it was made from. */
const foreignOptions = new WeakMap<object, JsonObject>();
/** On their way from a config to a constructor they lie under this key, which copies of an object keep. */
const FOREIGN = Symbol("options of other schedulers");

class ForeignOptions {
  readonly values: JsonObject;

  constructor(values: JsonObject) {
    this.values = values;
  }
}

/**
 * Checks options and fills in the defaults.
 * @throws RangeError naming the option, what was given and what is allowed; also for an option that does not exist
 */
export function resolveOptions<Config extends object>(
  table: OptionTable<Config>,
  given: object,
): Readonly<Config> {
  const present = withoutUndefined(given);
  for (const key of Object.keys(present)) {
    if (!Object.hasOwn(table.defaults, key)) {
      const known = Object.keys(table.defaults).join(", ");
      throw new RangeError(`${table.className} has no option ${plain(key)}; its options are ${known}`);
    }
  }
  const config: Readonly<Config> = Object.freeze({
    ...table.defaults,
    ...check(table, present, (key) => key),
  });
  const defaulted = Object.keys(table.defaults).filter((key) => !Object.hasOwn(present, key));
  defaultedKeys.set(config, new Set(defaulted));
  if (FOREIGN in given && given[FOREIGN] instanceof ForeignOptions) {
    foreignOptions.set(config, given[FOREIGN].values);
  }
  return config;
}

/**
 * The options that a config gives explicitly, checked. Keys starting with "_" are skipped, unknown ones reported.
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
    const isOurs = Object.hasOwn(table.defaults, name);
    if (!isOurs) unknown.push(key);
    if (isOurs && !table.foreignValues?.[name]?.some((foreignValue) => foreignValue === value)) {
      given[name] = aliasOf(table.aliases?.[name], value);
    } else if (isJson(value)) {
      foreign[name] = value;
    }
  }
  // A config of one of our own classes has that class's options: no reason for a warning.
  if (unknown.length > 0 && !defaultedKeys.has(configOf(source))) {
    warn?.(`${table.className} does not know ${plain(unknown.join(", "))}: ignored`);
  }
  const options = check(table, withoutUndefined(given), toSnakeCase);
  return Object.assign(options, { [FOREIGN]: new ForeignOptions(foreign) });
}

/** The options that a config gives explicitly, with others in their place (camelCase): what `fromConfig` takes. */
export function overridden(
  source: ConfigSource,
  options: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const own = explicitOptions(source).map(([key, value]) => [toCamelCase(key), value]);
  return { ...Object.fromEntries(own), ...options };
}

const configOf = (source: ConfigSource): object => (isScheduler(source) ? source.config : source);

/** What a config does not leave at its defaults, and what it keeps for other schedulers. */
function explicitOptions(source: ConfigSource): [string, unknown][] {
  const config = configOf(source);
  const defaulted = defaultedKeys.get(config);
  const own = Object.entries(config).filter(([key]) => !defaulted?.has(toCamelCase(key)));
  return [...own, ...Object.entries(foreignOptions.get(config) ?? {})];
}

/**
 * The JSON form of a config: snake_case keys, with the class and the version of the format; also the options of other
 * schedulers that it was made from, as diffusers writes them.
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
 * Checks that at most one of some flags is set.
 * @throws RangeError naming those that are
 */
export function atMostOne(className: string, flags: Readonly<Record<string, boolean>>): void {
  const set = Object.keys(flags).filter((key) => flags[key]);
  if (set.length > 1) {
    throw new RangeError(`${className}: ${set.join(" and ")} are true, expected at most one of them`);
  }
}

function check<Config extends object>(
  { className, schema }: OptionTable<Config>,
  given: object,
  nameOf: (key: string) => string,
): Partial<Config> {
  const result = v.safeParse(schema, given, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = (issue.path ?? [])
    .map(({ key }) => (typeof key === "string" ? nameOf(key) : `[${key}]`))
    .join("");
  throw new RangeError(
    `${className}: ${plain(path)} is ${plain(issue.received)}, expected ${describe(issue.expected)}`,
  );
}

/** A schema's expectation in words: `("a" | "b")` becomes `"a" or "b"`, `>=1` stays, `null` means any other value. */
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
