// Every form of instruction that the arm64 assembler writes, with the text that objdump must print for its bytes. The
// bytes that stood that test are in test/fixtures/arm64_forms.json (see tools/arm64_forms.ts).

import { Assembler } from "../../src/engine/backends/cpu/native/arm64/assembler.ts";
import { controlForms } from "./arm64_control_forms.ts";
import { integerForms } from "./arm64_integer_forms.ts";
import { memoryForms } from "./arm64_memory_forms.ts";
import { vectorForms } from "./arm64_vector_forms.ts";

export interface Form {
  /** One instruction or several, joined by "; ". Places in the code are distances from the first byte of the form. */
  readonly text: string;
  readonly write: (a: Assembler) => void;
  /** The constant that it refers to, which follows it. */
  readonly words?: readonly number[];
}

export const form = (text: string, write: (a: Assembler) => void): Form => ({ text, write });

/** Texts are unique. */
export const forms = (): readonly Form[] => [
  ...integerForms(),
  ...memoryForms(),
  ...controlForms(),
  ...vectorForms(),
];

/** The bytes of a form, with its constant. */
export function bytesOf({ write }: Form): Uint8Array {
  const a = new Assembler();
  write(a);
  return a.finish();
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Numbers of registers that fill every bit of their fields: low, high and mixed. */
export const REGISTERS = [0, 1, 10, 21, 30] as const;
/** The same for two and three registers. */
export const PAIRS = [
  [0, 31],
  [31, 0],
  [1, 2],
  [10, 21],
  [21, 10],
] as const;
export const TRIPLES = [
  [0, 1, 2],
  [31, 0, 0],
  [0, 31, 0],
  [0, 0, 31],
  [10, 21, 10],
  [21, 10, 21],
] as const;

export const hex = (value: number | bigint): string => `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
