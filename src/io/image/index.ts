// Reading, resizing and writing images.
export {
  ANIMATED_FORMATS,
  type AnimatedFormat,
  type AnimationOptions,
  animatedFormat,
  encodeAnimation,
  writeAnimation,
} from "./animation.ts";
export { decodeImage, IMAGE_FORMATS, imageChannels, PIXEL_LIMIT } from "./decode.ts";
export { FITS, type Fit, type FitOptions, fitted } from "./fit.ts";
export { toUint8, unitToUint8 } from "./from_values.ts";
export { type GridOptions, gridLayout, imageGrid } from "./grid.ts";
export { type Axis, lineChart, logTicks, niceTicks } from "./line_chart.ts";
export {
  type Channels,
  checkPixels,
  isChannels,
  type Pixels,
  type Rgb,
  toRgb,
  withChannels,
} from "./pixels.ts";
export type { Extent } from "./resize.ts";
export { encodePng, svgToPng, writeImage } from "./write.ts";
