// The codec of models that see pixels: nothing is computed or copied.

import type { Codec } from "./codec.ts";

export const identity: Codec = {
  saved: null,
  keepsValues: true,
  latentSize: (images) => images,
  imageSize: (latents) => latents,
  encode: async (images) => images,
  decode: async (latents) => latents,
};
