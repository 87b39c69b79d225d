// To come.

export const hashing = {} as never;
