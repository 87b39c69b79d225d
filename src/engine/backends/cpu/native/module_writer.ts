// What a machine provides to make modules of machine code.

import type { RecordedFunction } from "../simd/statement.ts";
import type { ModuleContext } from "./context.ts";
import type { Label } from "./label.ts";

/** Writes the parts of a module, one behind the other. */
export interface ModuleWriter {
  readonly code: {
    readonly length: number;
    bind(label: Label): void;
    align(bytes: number): void;
    /** 64-bit words as data: the distance of each label from `from`. */
    offsets(from: Label, labels: readonly Label[]): void;
    finish(): Uint8Array;
  };
  write(f: RecordedFunction, module: ModuleContext): void;
  /** A function that gives the system's time in milliseconds, as an f64. */
  writeNow(): void;
  /** A function for the host, which calls by the C convention; six arguments. */
  writeEntry(target: Label): void;
}
