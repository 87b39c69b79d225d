// To come.

export const processes = {} as never;
