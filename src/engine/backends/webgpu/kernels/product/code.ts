// What a product's kernel is written from: its operands, and the blocks of them in workgroup memory.

/** Gives a name of its own to each place of the code that uses it. */
export type Naming = (name: string) => string;

/** An operand, by its `major` index (row of A, column of B) and its `inner` index, along k. Both are names of u32. */
export interface Operand {
  /** The direction in which neighbouring elements are neighbours in memory. */
  readonly along: "inner" | "major";
  /** Whether `element` gives four elements of that direction, from an index that is a multiple of 4. */
  readonly inFours: boolean;
  /** Statements that depend on `major` only. */
  readonly prepare?: (major: string, name: Naming) => string;
  /** Statements, and the expression of the element or the four. */
  readonly element: (
    major: string,
    inner: string,
    name: Naming,
  ) => { readonly code?: string; readonly value: string };
}

/** How a product is written; the sizes bound all indices. */
export interface ProductCode {
  /** Statements before the loop, which may use `batch` and `part`. */
  readonly setup?: string;
  readonly a: Operand;
  readonly b: Operand;
  /** Whether `store` takes four results of a row, from a column that is a multiple of 4. */
  readonly storesFours: boolean;
  readonly store: (row: string, column: string, value: string) => string;
}

/** The block of one operand in workgroup memory: fours along k or along its major index. */
export interface Block {
  readonly name: "a" | "b";
  readonly operand: Operand;
  /** Elements along the major index, and along k. */
  readonly major: number;
  readonly inner: number;
  /** Fours from one line of the block to the next; an odd number where neighbours read neighbouring lines. */
  readonly line: number;
  readonly fours: number;
}
