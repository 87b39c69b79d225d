// To come.

export const compression = {} as never;
