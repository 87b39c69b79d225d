// To come.

export const paths = {} as never;
