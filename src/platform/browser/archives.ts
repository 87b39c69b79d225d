// To come.

export const archives = {} as never;
