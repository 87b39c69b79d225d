// Inception-v3 as a feature network, with the preprocessing of the two programs behind published numbers.

import type { Pixels } from "../../io/image/index.ts";
import type { FeatureNetwork } from "../extractor.ts";
import { resizeFloat } from "../resize.ts";
import { INCEPTION_SIZE, type InceptionV3 } from "./inception_v3.ts";

/**
 * pytorch-fid: bilinear without antialiasing, x / 127.5 - 1.
 * clean-fid: Pillow's bicubic with antialiasing on float channels, (x - 128) / 128.
 */
export const FID_PROTOCOLS = ["pytorch-fid", "clean-fid"] as const;
/** The program whose resizing FID follows. @useDeclaredType */
export type FidProtocol = (typeof FID_PROTOCOLS)[number];

const RESIZES: Readonly<Record<FidProtocol, string>> = {
  "pytorch-fid": "bilinear in float, without antialiasing, to 299 x 299",
  "clean-fid": "bicubic in float, with antialiasing, to 299 x 299",
};

/**
 * Inception as a feature network, with the resizing of a protocol.
 * @param weights names the weights, such as their file and its digest
 */
export function inceptionNetwork(model: InceptionV3, protocol: FidProtocol, weights: string): FeatureNetwork {
  return {
    name: `inception-v3-${model.dims} ${protocol}`,
    distances: { frechet: "FID", kernel: "KID" },
    dims: model.dims,
    size: INCEPTION_SIZE,
    resize: RESIZES[protocol],
    weights,
    prepare: (image) => prepareInception(image, protocol),
    forward: (x) => model.forward(x),
    upload: (backend) => model.upload(backend),
  };
}

/** An image as the network's input: [299, 299, 3]. */
function prepareInception(image: Pixels, protocol: FidProtocol): Float32Array {
  return protocol === "pytorch-fid"
    ? resizeFloat(image, INCEPTION_SIZE, "bilinear").map((x) => x / 127.5 - 1)
    : resizeFloat(image, INCEPTION_SIZE, "bicubic").map((x) => (x - 128) / 128);
}
