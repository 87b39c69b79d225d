// The version of diffusers whose formats and numbers this project follows, as it stands in the files it writes.

export const DIFFUSERS_VERSION = "0.40.0.dev0";
