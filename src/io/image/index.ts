// Reading, resizing and writing images.
export {
  ANIMATED_FORMATS,
  type AnimatedFormat,
  type AnimationOptions,
  animatedFormat,
  encodeAnimation,
  writeAnimation,
} from "./animation.ts";
export { decodeImage, PIXEL_LIMIT } from "./decode.ts";
export { type GridOptions, gridLayout, imageGrid } from "./grid.ts";
export { type Axis, lineChart, logTicks, niceTicks } from "./line_chart.ts";
export { resizeAndCrop } from "./resize.ts";
export { checkRgb, type RgbImage, toUint8, unitToUint8 } from "./rgb_image.ts";
export { encodePng, svgToPng, writeImage } from "./write.ts";
