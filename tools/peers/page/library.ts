// What the page needs of a library: an operation that is prepared once, and then called as often as wanted.

import type { Operation } from "./plan.ts";

/** f32 values in row-major order. */
export type Values = Float32Array<ArrayBuffer>;

export interface Library {
  readonly name: string;
  readonly version: string;
  /** How it keeps images and filters. */
  readonly layout: string;
  /**
   * Puts the operands on the device and compiles what can be compiled.
   * @param operands as `operandsOf` gives them
   * @param calls in a row
   */
  prepare(operation: Operation, operands: readonly Values[], calls: number): Promise<Prepared>;
}

/** An operation whose operands are on the device. */
export interface Prepared {
  /** Of the library's device. */
  readonly queue: GPUQueue;
  /** Comes before a row of calls: gives back the results of the last row, and makes the library compute anew. */
  renew(): void;
  /** Begins the computation, without waiting for it, and keeps its results. @param number of the call in its row */
  call(number: number): void;
  /** Makes sure that the device has got all work that was begun. */
  submit(): void;
  /** After `renew`: computes once, and reads the results as NHWC and HWIO: the product; or y, and both gradients if wanted. */
  results(): Promise<Values[]>;
  dispose(): Promise<void>;
}
