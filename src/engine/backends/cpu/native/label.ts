// Places in machine code.

/** A place in the code, known once it is bound: bytes from the start. */
export interface Label {
  at: number | undefined;
}
export const newLabel = (): Label => ({ at: undefined });
