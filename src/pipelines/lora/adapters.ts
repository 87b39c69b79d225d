// The LoRAs of a pipeline: which are loaded, how strong each is, and the weights that the models compute with.

import { quoted } from "../../io/printable.ts";
import type { HostWeight } from "../../io/state_dict.ts";
import type { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { PipelineError } from "../errors.ts";
import type { LoraLayer } from "./file.ts";
import { LORA_COMPONENTS, type LoraComponent } from "./names.ts";
import { addProduct, checkFit, LayerNames } from "./weights.ts";

/** Strongest weight of a LoRA. */
const MOST_WEIGHT = 1000;

/** A layer of a LoRA, and the parameter that it changes. */
interface Change {
  readonly parameter: Parameter;
  readonly layer: LoraLayer;
}

interface Adapter {
  readonly components: ReadonlySet<LoraComponent>;
  readonly changes: readonly Change[];
}

/** What of a pipeline's LoRAs takes part in its weights. */
type Strengths = ReadonlyMap<string, number>;

/**
 * The LoRAs of a pipeline. Weights are always computed anew, from the originals that are kept, so that nothing is left of
 * a LoRA that is taken away.
 */
export class LoraAdapters {
  readonly #models: ReadonlyMap<LoraComponent, Module>;
  readonly #adapters = new Map<string, Adapter>();
  readonly #originals = new Map<Parameter, HostWeight>();
  #active: Strengths = new Map();
  /** Those that stay whatever is active; null for none. */
  #fused: Strengths | null = null;
  #isEnabled = true;

  /** @param models by their names in diffusers */
  constructor(models: Partial<Record<LoraComponent, Module>>) {
    this.#models = new Map(
      LORA_COMPONENTS.flatMap((component): [LoraComponent, Module][] => {
        const model = models[component];
        return model === undefined ? [] : [[component, model]];
      }),
    );
  }

  /** Names of all. */
  get names(): readonly string[] {
    return [...this.#adapters.keys()];
  }

  /** Names of those that take part. */
  get activeNames(): readonly string[] {
    return [...this.#active.keys()];
  }

  /** The names of the LoRAs of each model that has some. */
  byComponent(): Partial<Record<LoraComponent, string[]>> {
    const found: Partial<Record<LoraComponent, string[]>> = {};
    for (const component of this.#models.keys()) {
      const names = this.names.filter((name) => this.#adapters.get(name)?.components.has(component));
      if (names.length > 0) found[component] = names;
    }
    return found;
  }

  /** Adds a LoRA, which is then the only one that takes part. @throws PipelineError for layers that no model has */
  async add(
    layers: readonly LoraLayer[],
    source: string,
    given: string | undefined,
    weight: number,
  ): Promise<void> {
    const name = given ?? `default_${this.#adapters.size}`;
    if (this.#adapters.has(name)) {
      throw new PipelineError(`there is a LoRA called ${quoted(name)} already; give another adapterName`);
    }
    checkWeight(weight);
    const changes = this.#changesOf(layers, source);
    for (const { parameter, layer } of changes) {
      await this.#models.get(layer.component)?.bringBack([parameter]);
    }
    const components = new Set(layers.map(({ component }) => component));
    this.#adapters.set(name, { components, changes });
    this.#active = new Map([[name, weight]]);
    this.#apply();
  }

  /** Chooses those that take part, and how strong each is. @throws PipelineError */
  activate(names: readonly string[], weights: readonly number[]): void {
    if (names.length !== weights.length) {
      throw new PipelineError(
        `${weights.length} weights were given for ${names.length} LoRAs; give one for each`,
      );
    }
    for (const name of names) this.#check(name);
    for (const weight of weights) checkWeight(weight);
    this.#active = new Map(names.map((name, k) => [name, weights[k]]));
    this.#apply();
  }

  /** Leaves all out, or lets the active ones take part again. */
  enable(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
    this.#apply();
  }

  /** Takes some away. @throws PipelineError */
  remove(names: readonly string[]): void {
    for (const name of names) this.#check(name);
    const left = (strengths: Strengths) => new Map([...strengths].filter(([name]) => !names.includes(name)));
    this.#active = left(this.#active);
    if (this.#fused !== null) this.#fused = left(this.#fused);
    // Their weights are computed without them, and only then are they forgotten.
    this.#apply();
    for (const name of names) this.#adapters.delete(name);
    this.#forgetOriginals();
  }

  /** Makes those that take part a part of the weights, which later choices do not change. @throws PipelineError */
  fuse(scale: number, names: readonly string[] = this.activeNames): void {
    checkWeight(scale);
    for (const name of names) this.#check(name);
    const weightOf = (name: string) => this.#active.get(name) ?? 1;
    this.#fused = new Map([
      ...(this.#fused ?? []),
      ...names.map((name): [string, number] => [name, scale * weightOf(name)]),
    ]);
    this.#apply();
  }

  /** The reverse of `fuse`. */
  unfuse(): void {
    this.#fused = null;
    this.#apply();
  }

  /** Takes all away; what is fused stays in the weights for good. */
  clear(): void {
    this.#active = new Map();
    this.#apply();
    this.#adapters.clear();
    this.#originals.clear();
    this.#fused = null;
    this.#isEnabled = true;
  }

  #check(name: string): void {
    if (this.#adapters.has(name)) return;
    const known = this.names.map((own) => quoted(own)).join(", ");
    throw new PipelineError(
      `there is no LoRA called ${quoted(name)}, expected one of: ${known || "none is loaded"}`,
    );
  }

  #changesOf(layers: readonly LoraLayer[], source: string): Change[] {
    const names = new Map([...this.#models].map(([component, model]) => [component, new LayerNames(model)]));
    const unknown: string[] = [];
    const changes = layers.flatMap((layer): Change[] => {
      const parameter = names.get(layer.component)?.parameterOf(layer);
      if (parameter !== undefined) return [{ parameter, layer }];
      unknown.push(`${layer.component} ${layer.layer}`);
      return [];
    });
    if (unknown.length > 0) {
      const [first] = unknown;
      const more = unknown.length > 1 ? ` and ${unknown.length - 1} more` : "";
      throw new PipelineError(
        `${source}: the LoRA changes ${quoted(first)}${more}, which this pipeline does not have; it is of another version of Stable Diffusion`,
      );
    }
    for (const { parameter, layer } of changes) checkFit(parameter, layer, source);
    return changes;
  }

  /** Computes the weights of all layers that any LoRA changes. */
  #apply(): void {
    const strengths = this.#fused ?? (this.#isEnabled ? this.#active : new Map<string, number>());
    const wanted = new Map<Parameter, { readonly layer: LoraLayer; readonly weight: number }[]>();
    for (const [name, weight] of strengths) {
      for (const { parameter, layer } of this.#adapters.get(name)?.changes ?? []) {
        const parts = wanted.get(parameter) ?? [];
        parts.push({ layer, weight });
        wanted.set(parameter, parts);
      }
    }
    for (const parameter of wanted.keys()) {
      if (!this.#originals.has(parameter)) this.#originals.set(parameter, parameter.save());
    }
    for (const [parameter, original] of this.#originals) {
      const data = original.data.slice();
      for (const { layer, weight } of wanted.get(parameter) ?? []) addProduct(data, layer, weight);
      parameter.load({ data, shape: original.shape });
    }
  }

  /** Keeps only originals that a LoRA changes. */
  #forgetOriginals(): void {
    const changed = new Set(
      [...this.#adapters.values()].flatMap(({ changes }) => changes.map(({ parameter }) => parameter)),
    );
    for (const parameter of this.#originals.keys())
      if (!changed.has(parameter)) this.#originals.delete(parameter);
  }
}

function checkWeight(weight: number): void {
  if (Math.abs(weight) <= MOST_WEIGHT) return;
  throw new PipelineError(
    `the weight of a LoRA is ${weight}, expected a number from -${MOST_WEIGHT} to ${MOST_WEIGHT}`,
  );
}
