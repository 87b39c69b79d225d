// To come.

export const tables = {} as never;
