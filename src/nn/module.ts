// The base class of layers and models: parameters under the names of a diffusers state dict.

import { machine } from "#platform";
import type { Backend } from "../engine/backend.ts";
import type { FloatType } from "../engine/graph.ts";
import type { TorchGenerator } from "../engine/random/torch_generator.ts";
import { type Shape, sameShape, showShape } from "../engine/shape.ts";
import { plain } from "../io/plain.ts";
import type { HostWeight, StateDict } from "../io/state_dict.ts";
import type { WeightElements, WeightSource } from "../io/weight_source.ts";
import { Parameter, type ParameterOptions } from "./parameter.ts";

/** While values move to a backend, the system gets freed memory back after so many bytes. */
const RETURNED_BYTES = 2 ** 28;

/**
 * A layer or model. Subclasses register their parameters and children in their constructor, in the order in which
 * initial values are drawn, as in torch.
 */
export abstract class Module {
  readonly #parameters: Parameter[] = [];
  #moves = false;
  /** The backend that the values moved to. */
  #home: Backend | undefined;

  /** Registers a parameter of this module. */
  protected parameter(options: ParameterOptions): Parameter {
    const parameter = new Parameter(options);
    this.#parameters.push(parameter);
    return parameter;
  }

  /** Registers a child module; its parameters' names get the prefix `name.`. */
  protected child<M extends Module>(name: string, module: M): M {
    for (const parameter of module.#parameters) parameter.prefixName(name);
    this.#parameters.push(...module.#parameters);
    return module;
  }

  /** Registers the parameters of a module under their own names. */
  protected include(module: Module): void {
    this.#parameters.push(...module.#parameters);
  }

  /** All parameters by state-dict key, fixed ones included, in construction order. */
  namedParameters(): Map<string, Parameter> {
    return new Map(this.#parameters.map((parameter) => [parameter.name, parameter]));
  }

  /** Number of values in all parameters, fixed ones included. */
  get parameterCount(): number {
    return this.#parameters.reduce((total, parameter) => total + parameter.size, 0);
  }

  /** Draws torch's default initial values in torch's order: the same seed gives the same weights as in Python. */
  initialize(generator: TorchGenerator): this {
    for (const parameter of this.#parameters) parameter.initialize(generator);
    return this;
  }

  /**
   * Draws initial values for the parameters without one, the same as `initialize` would give them. Loaded values are
   * kept; a model without any is initialized as by `initialize`.
   * @returns the parameters that were drawn
   */
  initializeMissing(generator: TorchGenerator): Parameter[] {
    const missing = this.#parameters.filter(({ hasValue }) => !hasValue);
    const last = missing.at(-1);
    if (last === undefined) return [];
    for (const parameter of this.#parameters.slice(0, this.#parameters.indexOf(last) + 1)) {
      if (parameter.hasValue) parameter.passOver(generator);
      else parameter.initialize(generator);
    }
    return missing;
  }

  /** All values in torch's layout. @throws when a parameter has none yet. */
  stateDict(): StateDict {
    if (this.#home !== undefined && this.#parameters.some(({ hasValue }) => !hasValue)) {
      throw new Error(
        `the weights of this ${this.constructor.name} have moved to a backend; weightSources reads them there`,
      );
    }
    return new Map(this.#parameters.map((parameter) => [parameter.name, parameter.save()]));
  }

  /**
   * All values in torch's layout, each of which is read when it is asked for, from the host or from the backend that it
   * has moved to: so a model is written without being in memory a second time.
   */
  weightSources(): Map<string, WeightSource> {
    return new Map(
      this.#parameters.map((parameter) => [
        parameter.name,
        {
          shape: parameter.torchShape,
          read: (dtype) => parameter.elements(dtype, this.#home),
        },
      ]),
    );
  }

  /**
   * Loads all values from a state dict in torch's layout. With `strict: false`, as in torch, missing parameters keep
   * their values and unknown keys are ignored.
   * @throws Error naming the keys that are missing, unexpected or of another shape; then nothing was changed
   */
  loadStateDict(state: StateDict, options: { readonly strict?: boolean } = {}): this {
    for (const [name, parameter] of this.parametersFor(state, options)) {
      const weight = state.get(name);
      if (weight !== undefined) parameter.load(weight);
    }
    return this;
  }

  /**
   * The parameters whose weights a state dict has, by its names for them; `strict` as in `loadStateDict`.
   * @throws Error naming the keys that are missing, unexpected or of another shape
   */
  parametersFor(
    state: ReadonlyMap<string, Pick<HostWeight, "shape">>,
    { strict = true }: { readonly strict?: boolean } = {},
  ): Map<string, Parameter> {
    const own = this.namedParameters();
    const ownName = this.ownNames(state);
    const shapes = new Map([...state].map(([name, { shape }]) => [ownName(name), shape]));
    const problems = differences(own, shapes, strict);
    if (problems.length > 0) {
      throw new Error(`the weights do not fit this ${this.constructor.name}: ${problems.join("; ")}`);
    }
    return new Map(
      [...state.keys()].flatMap((name) => {
        const parameter = own.get(ownName(name));
        return parameter === undefined ? [] : [[name, parameter]];
      }),
    );
  }

  /** This module's names for those of a state dict. Default: the same. */
  protected ownNames(_state: ReadonlyMap<string, unknown>): (name: string) => string {
    return (name) => name;
  }

  /**
   * Keeps all values on backends in this type, from the next forward pass on; f16 and bf16 take half the memory, and
   * computation stays in f32. Values on the host stay f32.
   * @throws Error when a forward pass has read a parameter in another type
   */
  to(dtype: FloatType): this {
    for (const parameter of this.#parameters) parameter.to(dtype);
    return this;
  }

  /**
   * From now on `upload` moves values to a backend instead of copying them, for models that take much memory. `download`
   * brings them back.
   */
  moveOnUpload(): this {
    this.#moves = true;
    return this;
  }

  /** Writes all values to the backend's variables. @throws Error where values have moved to another backend */
  upload(backend: Backend): void {
    let freed = 0;
    for (const parameter of this.#parameters) {
      if (!parameter.hasValue && this.#home !== undefined) {
        if (this.#home === backend) continue;
        throw new Error(
          `the weights of this ${this.constructor.name} have moved to a backend that is no longer used; load it again`,
        );
      }
      if (!this.#moves) {
        parameter.upload(backend);
        continue;
      }
      parameter.move(backend);
      freed += parameter.bytes;
      if (freed < RETURNED_BYTES) continue;
      machine.returnFreedMemory();
      freed = 0;
    }
    if (!this.#moves) return;
    this.#home = backend;
    machine.returnFreedMemory();
  }

  /** Reads all values back from the backend's variables. */
  async download(backend: Backend): Promise<void> {
    for (const parameter of this.#parameters) await parameter.download(backend);
  }

  /** A copy of a parameter's value as it stores it, also where that has moved to a backend. */
  storedValue(parameter: Parameter): Promise<WeightElements> {
    return parameter.stored(this.#home);
  }

  /** Frees the values on the host; those on a backend stay. */
  release(): void {
    for (const parameter of this.#parameters) parameter.release();
  }
}

/** What keeps weights of these shapes from being those of the parameters. */
function differences(
  own: ReadonlyMap<string, Parameter>,
  shapes: ReadonlyMap<string, Shape>,
  strict: boolean,
): string[] {
  const missing = strict ? [...own.keys()].filter((key) => !shapes.has(key)) : [];
  const unexpected = strict ? [...shapes.keys()].filter((key) => !own.has(key)) : [];
  const misshaped = [...shapes].flatMap(([key, shape]) => {
    const parameter = own.get(key);
    return parameter === undefined || sameShape(parameter.torchShape, shape)
      ? []
      : [`${key} ${showShape(shape)} (expected ${showShape(parameter.torchShape)})`];
  });
  return [
    ...describe("missing", missing),
    ...describe("unexpected", unexpected),
    ...describe("wrong shape", misshaped),
  ];
}

function describe(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, 3).map(plain).join(", ");
  return [items.length > 3 ? `${what} ${shown} and ${items.length - 3} more` : `${what} ${shown}`];
}
