// Codec: converts between images and the space in which a model sees them. Drawing, training and measuring all go
// through a codec; the identity is the first kind.

import type { Backend } from "../engine/backend.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import type { SavedComponent } from "../io/diffusers_folder.ts";
import type { JsonObject } from "../io/diffusers_json.ts";

/** The size of an image, or of its latents. */
export interface ImageSize {
  /** In pixels, or in positions of the latents. */
  readonly height: number;
  /** In pixels, or in positions of the latents. */
  readonly width: number;
  /** 1, 3 or 4 of images; any number of latents. */
  readonly channels: number;
}

/** A pipeline class of its own, for codecs that no class of diffusers knows. */
export interface CustomPipeline {
  /** The class, which the source defines. */
  readonly className: string;
  /** The text of pipeline.py in the folder. */
  readonly source: string;
  /** Entries of model_index.json: arguments of the class. */
  readonly settings: JsonObject;
}

/** How a codec stands in a run's config.json and in a pipeline's folder. */
export interface SavedCodec {
  /** The codec's name in config.json and in files. */
  readonly className: string;
  /** Its options, as they stand in config.json. */
  readonly config: JsonObject;
  /** Its own subfolders in a pipeline's folder. */
  readonly components: readonly SavedComponent[];
  /** The class of diffusers that draws the images. Default: that of the pipeline. */
  readonly diffusersClass?: string;
  /** Absent where a class of diffusers draws the images. */
  readonly pipeline?: CustomPipeline;
}

/** How an autoencoder divides its work, so that it needs less memory. May be changed between calls. */
export interface Division {
  /** Whether the images of a batch are computed one by one. */
  useSlicing: boolean;
  /** Whether large images are computed in tiles. */
  useTiling: boolean;
}

/** Converts between images and the values that the model sees. */
export interface Codec {
  /** How it is saved; null for the identity, which is not. */
  readonly saved: SavedCodec | null;

  /** Whether the values of the latents are those of the images, only in other places. */
  readonly keepsValues: boolean;

  /** How it divides its work; absent where it does not. */
  readonly division?: Division;

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
   * Encodes images as `encode` does, but draws the latents from the distribution that the encoder gives; absent where it
   * gives none.
   * @param images [N, H, W, C], in [-1, 1]
   * @param noise standard normal, [N, h, w, c]
   * @returns [N, h, w, c]
   */
  encodeSample?(images: HostTensor, noise: HostTensor, backend: Backend): Promise<HostTensor>;

  /**
   * Decodes latents to images.
   * @param latents [N, h, w, c]
   * @returns [N, H, W, C]; good images lie in [-1, 1]
   */
  decode(latents: HostTensor, backend: Backend): Promise<HostTensor>;
}
