// Modules that are trained together: their parameters side by side, each under its own name.

import { Module } from "./module.ts";

/** Modules side by side, as one: all their parameters under the names that they have. */
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
