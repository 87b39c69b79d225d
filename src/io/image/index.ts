// index.ts: images in and out.
export { DECODER, type DecodedImage, decodeImage, PIXEL_LIMIT } from "./decode.ts";
export { type GridOptions, imageGrid } from "./grid.ts";
export { resizeAndCrop } from "./resize.ts";
export { checkRgb, type RgbImage, toUint8 } from "./rgb_image.ts";
export { encodePng, writeImage } from "./write.ts";
