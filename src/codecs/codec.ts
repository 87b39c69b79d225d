// Codec: converts between images and the space in which a model sees them. Drawing, training and measuring all go
// through a codec; the identity is the first kind.

import type { Backend } from "../engine/backend.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { SavedComponent } from "../io/diffusers_folder.ts";
import type { JsonObject } from "../io/diffusers_json.ts";

/** The size of an image, or of its latents. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A codec as saved in a pipeline's folder. */
export type CodecComponent = SavedComponent & {
  /** The contents of its config.json. */
  readonly config: JsonObject;
};

/** Converts between images and the values that the model sees. */
export interface Codec {
  /** The component to save in a pipeline's folder; null for the identity, which is not saved. */
  readonly component: CodecComponent | null;

  /** The size of the latents of images of a given size. @throws RangeError for images that it cannot take */
  latentSize(images: ImageSize): ImageSize;

  /** The size of the images of latents of a given size. @throws RangeError for latents that it cannot take */
  imageSize(latents: ImageSize): ImageSize;

  /**
   * Encodes images to latents.
   * @param images [N, H, W, C], in [-1, 1]
   * @param backend where it may compute; programs compiled for a backend are freed with it
   * @returns [N, h, w, c]
   */
  encode(images: HostTensor, backend: Backend): Promise<HostTensor>;

  /**
   * Decodes latents to images.
   * @param latents [N, h, w, c]
   * @returns [N, H, W, C]; good images lie in [-1, 1]
   */
  decode(latents: HostTensor, backend: Backend): Promise<HostTensor>;
}
