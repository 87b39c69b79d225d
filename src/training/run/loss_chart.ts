// The picture of a run's losses: RUN/loss.png, and the one that `imago push` uploads.

import { type Axis, lineChart, logTicks, niceTicks, svgToPng } from "../../io/image/index.ts";
import type { LossCurve, LossPoint } from "./loss_curve.ts";

const COLOR = "#00798c";
const SCALE = 2;
/** The smooth line is the mean of up to this share of the points. */
const SMOOTHED = 1 / 25;
/** From this ratio of the largest to the smallest loss of the smooth line, the axis is logarithmic. */
const LARGE_RANGE = 8;
/** The share of points that a linear axis shows in full: the first losses of a run are far off. */
const SHOWN = 0.99;
/** Up to so many points are marked. */
const MARKED = 30;
/** The axis shows at least so many steps, so that its ticks are whole steps. */
const LEAST_STEPS = 5;

/** The chart as a PNG file. @param curve of at least one step */
export const lossPicture = (curve: LossCurve): Promise<Uint8Array> =>
  svgToPng(lossChart(curve.points, curve.stepsPerPoint), SCALE);

/**
 * The chart as the text of an SVG file: each point thin, and their moving average.
 * @param points at least one
 */
export function lossChart(points: readonly LossPoint[], stepsPerPoint: number): string {
  const radius = Math.floor((points.length * SMOOTHED) / 2);
  const smooth = movingAverage(points, radius);
  const y = lossAxis(points, smooth);
  const within = (some: readonly LossPoint[]) =>
    some.map(({ step, loss }): [number, number] => [step, Math.min(y.to, Math.max(y.from, loss))]);
  const steps = niceTicks(0, Math.max(LEAST_STEPS, points.at(-1)?.step ?? 0));
  const x = { label: "step", from: steps[0], to: steps[steps.length - 1], ticks: steps };
  const averaged = (2 * radius + 1) * stepsPerPoint;
  const name = averaged > 1 ? `mean of ${averaged} steps` : "each step";
  const faint = { name: "", color: COLOR, points: within(points), faint: true };
  const line = { name, color: COLOR, points: within(smooth), plain: points.length > MARKED };
  return lineChart("Loss", x, y, radius > 0 ? [faint, line] : [line], "pixels");
}

function movingAverage(points: readonly LossPoint[], radius: number): LossPoint[] {
  return points.map(({ step }, i) => {
    // At the beginning, where losses fall fast, as many on the right as on the left.
    const reach = Math.min(radius, i);
    const around = points.slice(i - reach, i + reach + 1);
    return { step, loss: around.reduce((sum, { loss }) => sum + loss, 0) / around.length };
  });
}

function lossAxis(points: readonly LossPoint[], smooth: readonly LossPoint[]): Axis {
  const losses = points.map(({ loss }) => loss).sort((a, b) => a - b);
  const [least, most] = [losses[0], losses[losses.length - 1]];
  const smoothed = smooth.map(({ loss }) => loss);
  const [low, high] = [Math.min(...smoothed), Math.max(...smoothed)];
  if (least > 0 && high > LARGE_RANGE * low) {
    const ticks = logTicks(least, most);
    return { label: "loss", from: ticks[0], to: ticks[ticks.length - 1], ticks, log: true };
  }
  const shown = losses[Math.ceil(SHOWN * (losses.length - 1))];
  const ticks = niceTicks(Math.min(0, least), Math.max(shown, least + 1e-6) * 1.05);
  return { label: "loss", from: ticks[0], to: ticks[ticks.length - 1], ticks };
}
