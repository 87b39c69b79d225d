// The registers of x86-64, by their numbers in instructions.

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;

/** A place in memory: base + index * scale + disp, or a constant of the function's pool. */
export type Memory =
  | {
      readonly kind: "address";
      readonly base: number;
      readonly index?: number | undefined;
      readonly scale?: 1 | 2 | 4 | 8 | undefined;
      readonly disp: number;
    }
  | { readonly kind: "pool"; readonly words: readonly number[] };

/** A register by its number, or memory. */
export type Operand = number | Memory;
