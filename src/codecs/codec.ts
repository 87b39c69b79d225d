// Codec: between images and the space in which a model sees them. Everything that draws, learns or measures goes through
// one; the identity is the first kind.

import type { Backend } from "../engine/backend.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { SavedComponent } from "../io/diffusers_folder.ts";
import type { JsonObject } from "../io/diffusers_json.ts";

/** The size of an image, or of what a codec makes of it. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A codec in a pipeline's folder. */
export type CodecComponent = SavedComponent & {
  /** The object of its config.json. */
  readonly config: JsonObject;
};

/** What stands between images and what the model sees. */
export interface Codec {
  /** How it stands in a pipeline's folder; null for the identity, which a folder does without. */
  readonly component: CodecComponent | null;

  /** The size of what `encode` makes of images of a size. @throws RangeError for images that it cannot take */
  latentSize(images: ImageSize): ImageSize;

  /** The size of what `decode` makes of latents of a size. @throws RangeError for latents that it cannot take */
  imageSize(latents: ImageSize): ImageSize;

  /**
   * Images to what the model sees.
   * @param images [N, H, W, C], in [-1, 1]
   * @param backend where it may compute; what it compiles for a backend is freed with it
   * @returns [N, h, w, c]
   */
  encode(images: HostTensor, backend: Backend): Promise<HostTensor>;

  /**
   * What a model drew to images.
   * @param latents [N, h, w, c]
   * @returns [N, H, W, C]; good images lie in [-1, 1]
   */
  decode(latents: HostTensor, backend: Backend): Promise<HostTensor>;
}
