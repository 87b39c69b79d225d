// The version of diffusers that files are written for.

/** The diffusers version whose file formats and numbers this project is checked against; config files name it. */
export const DIFFUSERS_VERSION = "0.40.0";
