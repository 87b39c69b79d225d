// How compiled C passes arguments to functions, and what these must leave as it was.

import * as r from "./registers.ts";

export interface Convention {
  /** The registers of the first arguments; the others lie on the stack. */
  readonly arguments: readonly number[];
  /** Bytes above the return address that belong to the function that is called; arguments lie above them. */
  readonly room: number;
  readonly preserved: readonly number[];
  /** Vector registers whose lower 128 bits are preserved. */
  readonly preservedVectors: readonly number[];
  /** The system maps the pages of a stack one after the other, so each must be touched before the next. */
  readonly growsByPages: boolean;
}

/** Linux and macOS. */
export const SYSTEM_V: Convention = {
  arguments: [r.RDI, r.RSI, r.RDX, r.RCX, r.R8, r.R9],
  room: 0,
  preserved: [r.RBX, r.RBP, r.R12, r.R13, r.R14, r.R15],
  preservedVectors: [],
  growsByPages: false,
};

export const WINDOWS: Convention = {
  arguments: [r.RCX, r.RDX, r.R8, r.R9],
  room: 32,
  preserved: [r.RBX, r.RBP, r.RSI, r.RDI, r.R12, r.R13, r.R14, r.R15],
  preservedVectors: [6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  growsByPages: true,
};
