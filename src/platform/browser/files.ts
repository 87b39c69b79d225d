// To come.

export const files = {} as never;
