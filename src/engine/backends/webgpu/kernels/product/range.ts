// Counting in generated code.

/** 0, 1, ... count - 1. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** A text for each number below `count`, in lines. */
export const lines = (count: number, text: (i: number) => string): string =>
  range(count).map(text).join("\n");

/** The components of a four. */
export const COMPONENTS = ["x", "y", "z", "w"] as const;
