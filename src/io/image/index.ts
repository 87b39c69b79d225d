// Reading, resizing and writing images.
export {
  ANIMATED_FORMATS,
  type AnimatedFormat,
  type AnimationOptions,
  animatedFormat,
  encodeAnimation,
  writeAnimation,
} from "./animation.ts";
export { decodeImage, IMAGE_FORMATS, PIXEL_LIMIT } from "./decode.ts";
export { type GridOptions, gridLayout, imageGrid } from "./grid.ts";
export { lineChart, niceTicks } from "./line_chart.ts";
export { type Pixels, toRgb } from "./pixels.ts";
export { resizeAndCrop } from "./resize.ts";
export { checkRgb, type RgbImage, toUint8, unitToUint8 } from "./rgb_image.ts";
export { encodePng, svgToPng, writeImage } from "./write.ts";
