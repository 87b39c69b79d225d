// The registers of arm64 by their numbers in instructions, and places in memory.

/** Where results of functions are, and the first arguments by the C convention. */
export const X0 = 0;
export const X1 = 1;
export const X2 = 2;
export const X3 = 3;
/** The number of a system call. */
export const X8 = 8;
/** For use within an instruction; addresses are computed in x16, and constants in x17. */
export const X14 = 14;
export const X15 = 15;
export const X16 = 16;
export const X17 = 17;
/** Where a call returns to. */
export const LINK = 30;
/** The stack pointer, in addresses and in sums with constants; zero, everywhere else. */
export const SP = 31;
export const ZERO = 31;

/** Where functions leave a float or vector. */
export const V0 = 0;
/** A vector register for use within an instruction. */
export const V31 = 31;

/** A place in memory: base + disp, or base + (index << shift). */
export type Memory =
  | { readonly base: number; readonly disp: number }
  | { readonly base: number; readonly index: number; readonly shift: number };
