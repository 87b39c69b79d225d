// The LoRAs of a pipeline: which are loaded, how strong each is, and the weights that the models compute with.

import type { Backend } from "../../engine/backend.ts";
import { quoted } from "../../io/printable.ts";
import type { WeightElements } from "../../io/state_dict.ts";
import type { Module } from "../../nn/module.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { PipelineError } from "../errors.ts";
import type { LoraLayer } from "./file.ts";
import { LORA_COMPONENTS, type LoraComponent } from "./names.ts";
import { type LoraPart, LoraProducts } from "./products.ts";
import { checkFit, LayerNames } from "./weights.ts";

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

/** What a parameter's value is made of. */
interface Applied {
  /** Its value without LoRAs. */
  readonly original: WeightElements;
  readonly parts: readonly LoraPart[];
}

type Parts = ReadonlyMap<Parameter, readonly LoraPart[]>;

/** Those of models that several pipelines may draw with, by the first model. */
const known = new WeakMap<Module, LoraAdapters[]>();

/**
 * The LoRAs of the models of a pipeline. Weights are always computed anew, from the originals that are kept while a LoRA is in them, so
 * that nothing is left of one that is taken away: these come back at once. Weights with LoRAs are computed by `apply`.
 */
export class LoraAdapters {
  readonly #models: ReadonlyMap<LoraComponent, Module>;
  readonly #adapters = new Map<string, Adapter>();
  /** The parameters whose values have LoRAs in them. */
  readonly #applied = new Map<Parameter, Applied>();
  /** What `apply` makes a part of the original values before all else. */
  readonly #lasting = new Map<Parameter, readonly LoraPart[]>();
  /** What shall be in the weights; another map after each choice. */
  #wanted: Parts = new Map();
  /** Calls of `apply` take turns. */
  #turn: Promise<void> = Promise.resolve();
  #active: Strengths = new Map();
  /** Those that stay whatever is active; null for none. */
  #fused: Strengths | null = null;
  #isEnabled = true;
  #version = 0;

  private constructor(models: ReadonlyMap<LoraComponent, Module>) {
    this.#models = models;
  }

  /** The same for all pipelines of these models. @param models by their names in diffusers */
  static of(models: Partial<Record<LoraComponent, Module>> & { readonly unet: Module }): LoraAdapters {
    const given = new Map(
      LORA_COMPONENTS.flatMap((component): [LoraComponent, Module][] => {
        const model = models[component];
        return model === undefined ? [] : [[component, model]];
      }),
    );
    const others = known.get(models.unet) ?? [];
    const own = others.find((other) => other.#isOf(given)) ?? new LoraAdapters(given);
    if (!others.includes(own)) known.set(models.unet, [...others, own]);
    return own;
  }

  #isOf(models: ReadonlyMap<LoraComponent, Module>): boolean {
    return LORA_COMPONENTS.every((component) => this.#models.get(component) === models.get(component));
  }

  /** Another number after each change of weights. */
  get version(): number {
    return this.#version;
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
  add(layers: readonly LoraLayer[], source: string, given: string | undefined, weight: number): void {
    const name = given ?? `default_${this.#adapters.size}`;
    if (this.#adapters.has(name)) {
      throw new PipelineError(`there is a LoRA called ${quoted(name)} already; give another adapterName`);
    }
    checkWeight(weight);
    const changes = this.#changesOf(layers, source);
    const components = new Set(layers.map(({ component }) => component));
    this.#adapters.set(name, { components, changes });
    this.#active = new Map([[name, weight]]);
    this.#choose();
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
    this.#choose();
  }

  /** Leaves all out, or lets the active ones take part again. */
  enable(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
    this.#choose();
  }

  /** Takes some away. @throws PipelineError */
  remove(names: readonly string[]): void {
    for (const name of names) this.#check(name);
    const left = (strengths: Strengths) => new Map([...strengths].filter(([name]) => !names.includes(name)));
    this.#active = left(this.#active);
    if (this.#fused !== null) this.#fused = left(this.#fused);
    for (const name of names) this.#adapters.delete(name);
    this.#choose();
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
    this.#choose();
  }

  /** The reverse of `fuse`. */
  unfuse(): void {
    this.#fused = null;
    this.#choose();
  }

  /** Takes all away; what is fused stays in the weights for good. */
  clear(): void {
    for (const [parameter, parts] of this.#fused === null ? [] : this.#partsOf(this.#fused)) {
      if (sameParts(this.#applied.get(parameter)?.parts, parts)) this.#applied.delete(parameter);
      else this.#lasting.set(parameter, [...(this.#lasting.get(parameter) ?? []), ...parts]);
    }
    this.#adapters.clear();
    this.#active = new Map();
    this.#fused = null;
    this.#isEnabled = true;
    this.#choose();
  }

  /**
   * Computes the weights as they were chosen last.
   * @param open gives the backend to compute on, if there is anything to compute
   */
  apply(open: () => Promise<Backend>): Promise<void> {
    const next = this.#turn.then(() => this.#apply(open));
    this.#turn = next.catch(() => undefined);
    return next;
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

  /** Decides what shall be in the weights, and takes back what shall not. */
  #choose(): void {
    this.#wanted = this.#partsOf(this.#fused ?? (this.#isEnabled ? this.#active : new Map<string, number>()));
    for (const [parameter, { original }] of this.#applied) {
      if (this.#wanted.has(parameter)) continue;
      // A copy: `#apply` may be computing with the original.
      this.#set(parameter, original.slice());
      this.#applied.delete(parameter);
    }
  }

  #partsOf(strengths: Strengths): Parts {
    const all = new Map<Parameter, LoraPart[]>();
    for (const [name, weight] of strengths) {
      for (const { parameter, layer } of this.#adapters.get(name)?.changes ?? []) {
        const parts = all.get(parameter) ?? [];
        parts.push({ layer, weight });
        all.set(parameter, parts);
      }
    }
    return all;
  }

  async #apply(open: () => Promise<Backend>): Promise<void> {
    if (this.#lasting.size === 0 && this.#isUpToDate) return;
    const products = new LoraProducts(await open());
    try {
      for (let [first] = this.#lasting; first !== undefined; [first] = this.#lasting) {
        const [parameter, parts] = first;
        const value = await products.changed(parameter, await this.#originalOf(parameter, parts), parts);
        if (this.#lasting.get(parameter) !== parts) continue;
        this.#set(parameter, value);
        this.#lasting.delete(parameter);
      }
      while (!this.#isUpToDate) await this.#applyTo(this.#wanted, products);
    } finally {
      products.dispose();
    }
  }

  #set(parameter: Parameter, value: WeightElements): void {
    parameter.setStored(value);
    this.#version++;
  }

  get #isUpToDate(): boolean {
    return [...this.#wanted].every(([parameter, parts]) =>
      sameParts(this.#applied.get(parameter)?.parts, parts),
    );
  }

  /** Ends early when something else is wanted. */
  async #applyTo(wanted: Parts, products: LoraProducts): Promise<void> {
    for (const [parameter, parts] of wanted) {
      if (sameParts(this.#applied.get(parameter)?.parts, parts)) continue;
      const original = await this.#originalOf(parameter, parts);
      const value = await products.changed(parameter, original, parts);
      if (this.#wanted !== wanted) return;
      this.#set(parameter, value);
      this.#applied.set(parameter, { original, parts });
    }
  }

  /** @param parts some that change it */
  async #originalOf(parameter: Parameter, [{ layer }]: readonly LoraPart[]): Promise<WeightElements> {
    const applied = this.#applied.get(parameter);
    if (applied !== undefined) return applied.original;
    const model = this.#models.get(layer.component);
    if (model === undefined) throw new Error(`there is no ${layer.component}`);
    return model.storedValue(parameter);
  }
}

/** Whether a value of these parts is one of those. */
const sameParts = (some: readonly LoraPart[] | undefined, others: readonly LoraPart[]): boolean =>
  some?.length === others.length &&
  some.every(({ layer, weight }, k) => layer === others[k].layer && weight === others[k].weight);

function checkWeight(weight: number): void {
  if (Math.abs(weight) <= MOST_WEIGHT) return;
  throw new PipelineError(
    `the weight of a LoRA is ${weight}, expected a number from -${MOST_WEIGHT} to ${MOST_WEIGHT}`,
  );
}
