// Modules that are trained together: their parameters in one module, each under its own name.

import { Module } from "./module.ts";

/** Several modules as one: all their parameters under their own names. */
export class ModuleGroup extends Module {
  /** @throws Error when two parameters have the same name */
  constructor(modules: readonly Module[]) {
    super();
    for (const module of modules) this.include(module);
    const total = modules.reduce((sum, module) => sum + module.namedParameters().size, 0);
    if (this.namedParameters().size !== total)
      throw new Error("two parameters of a group have the same name");
  }
}
