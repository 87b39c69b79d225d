// To come.

export const images = {} as never;
