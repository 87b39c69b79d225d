// A second set of tensors with the names of a model's parameters: an optimizer's moments, a moving average.

import type { Tensor } from "../engine/tensor.ts";
import { constantInit } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Has no values until setZero, setTo or loadStateDict. */
export class Shadow extends Module {
  readonly #byName = new Map<string, Parameter>();

  /** @param which all parameters of `source`, only the trainable ones, or those of these names */
  constructor(source: Module, which: "all" | "trainable" | ReadonlySet<string>) {
    super();
    for (const [name, { torchShape, layout, trainable }] of source.namedParameters()) {
      const isShadowed = which === "all" || (which === "trainable" ? trainable : which.has(name));
      if (!isShadowed) continue;
      const init = constantInit(0);
      this.#byName.set(name, this.parameter({ name, torchShape, layout, trainable, init }));
    }
  }

  /** Whether a parameter is shadowed. */
  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** The engine variable that shadows a parameter. @throws for an unknown name */
  tensor(name: string): Tensor {
    const parameter = this.#byName.get(name);
    if (parameter === undefined) throw new Error(`no parameter ${name} is shadowed`);
    return parameter.tensor;
  }

  /** Sets all values to those of the source, as they are now. @throws when a parameter has none yet */
  setTo(source: Module): this {
    for (const [name, parameter] of source.namedParameters()) this.#byName.get(name)?.copyFrom(parameter);
    return this;
  }

  /** Sets all values to zero. */
  setZero(): this {
    const parameters = [...this.#byName.values()];
    const zeros = new Float32Array(parameters.reduce((most, { size }) => Math.max(most, size), 0));
    for (const parameter of parameters) parameter.setZero(zeros);
    return this;
  }
}
