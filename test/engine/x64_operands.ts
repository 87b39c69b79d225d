// Operands of x86-64 instructions as objdump prints them in Intel's syntax, written without the assembler.

import type { Memory } from "../../src/engine/backends/cpu/native/x64/registers.ts";

const FIRST_EIGHT = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const numbered = (prefix: string, suffix: string): string[] =>
  Array.from({ length: 16 }, (_, i) => (i < 8 ? `${prefix}${FIRST_EIGHT[i]}` : `r${i}${suffix}`));

/** Names of the integer registers by their size in bits. */
export const INTEGER = { 64: numbered("r", ""), 32: numbered("e", "d"), 16: numbered("", "w") } as const;

/** The name of a vector register of so many bytes. */
export const vectorName = (bytes: number, register: number): string =>
  `${bytes === 64 ? "z" : bytes === 32 ? "y" : "x"}mm${register}`;

const POINTERS: Readonly<Record<number, string>> = {
  1: "BYTE",
  2: "WORD",
  4: "DWORD",
  8: "QWORD",
  16: "XMMWORD",
  32: "YMMWORD",
  64: "ZMMWORD",
};

/** A number as objdump prints it: of 64 bits, without a sign. */
export const hex = (value: number | bigint): string => `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;

/** Where the constants of a form begin: forms with one are filled up to here. */
export const POOL_AT = 64;

/** What stands in brackets; a constant by its distance from the start of the form. */
export function place(memory: Memory): string {
  if (memory.kind === "pool") return `[${hex(POOL_AT)}]`;
  const { base, index, scale = 1, disp } = memory;
  const scaled = index === undefined ? "" : `+${INTEGER[64][index]}*${scale}`;
  // r13 and rbp stand with a displacement even where it is 0.
  const isShown = disp !== 0 || base === 5 || base === 13;
  const distance = isShown ? `${disp < 0 ? "-" : "+"}${hex(Math.abs(disp))}` : "";
  return `[${INTEGER[64][base]}${scaled}${distance}]`;
}

/** A place in memory with the size of what lies there. */
export const pointer = (bytes: number, memory: Memory): string => `${POINTERS[bytes]} PTR ${place(memory)}`;

/** An element of 32 bits that is repeated. */
export const repeated = (memory: Memory): string => `DWORD BCST ${place(memory)}`;
