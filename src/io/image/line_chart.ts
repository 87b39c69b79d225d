// A line chart as SVG: a title, two axes with ticks, named lines. It does only what the figures of the docs and of
// model cards need.

import * as exact from "../../engine/math/index.ts";

/** One line: its points in order, and how it is drawn. */
export interface Line {
  readonly name: string;
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Draw the line without point markers: there are many points. */
  readonly plain?: boolean;
  /** Draw it thin and without a legend entry: one of several of a kind. */
  readonly faint?: boolean;
}

/** An axis: its label, its two ends (in either direction), and its ticks. */
export interface Axis {
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 24;
const TOP = 40;
const BOTTOM = 52;

/** The chart as the text of an SVG file; readable on light and dark pages. */
export function lineChart(title: string, xAxis: Axis, yAxis: Axis, lines: readonly Line[]): string {
  const x = (value: number) =>
    LEFT + ((value - xAxis.from) / (xAxis.to - xAxis.from)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) =>
    HEIGHT - BOTTOM - ((value - yAxis.from) / (yAxis.to - yAxis.from)) * (HEIGHT - TOP - BOTTOM);
  const text = (at: readonly [number, number], anchor: string, words: string, more = "") =>
    `<text x="${round(at[0])}" y="${round(at[1])}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`;
  const bottom = HEIGHT - BOTTOM;
  const grid = [
    ...xAxis.ticks.map((tick) => `M${round(x(tick))} ${TOP}V${bottom}`),
    ...yAxis.ticks.map((tick) => `M${LEFT} ${round(y(tick))}H${WIDTH - RIGHT}`),
  ];
  const middle = (TOP + bottom) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text([LEFT, 24], "start", title, ' font-size="15"'),
    `<path d="${grid.join("")}" stroke="#e4e4e4"/>`,
    ...xAxis.ticks.map((tick) => text([x(tick), bottom + 18], "middle", String(tick))),
    ...yAxis.ticks.map((tick) => text([LEFT - 8, y(tick) + 4], "end", String(tick))),
    text([(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12], "middle", xAxis.label),
    text([18, middle], "middle", yAxis.label, ` transform="rotate(-90 18 ${round(middle)})"`),
    ...lines.map(({ points, color, faint, plain }) => {
      const dots =
        faint || plain
          ? []
          : points.map(([a, b]) => `<circle cx="${round(x(a))}" cy="${round(y(b))}" r="2.5"/>`);
      const path = points.map(([a, b]) => `${round(x(a))} ${round(y(b))}`).join("L");
      return `<path d="M${path}" fill="none" stroke="${color}" stroke-width="${faint ? 0.8 : 2}"${faint ? ' opacity="0.5"' : ""}/><g fill="${color}">${dots.join("")}</g>`;
    }),
    ...lines
      .filter(({ faint }) => !faint)
      .flatMap(({ name, color }, i) => {
        const at = TOP + 18 + 20 * i;
        return [
          `<path d="M${WIDTH - 316} ${at - 4}h24" stroke="${color}" stroke-width="3"/>`,
          text([WIDTH - 284, at], "start", name),
        ];
      }),
    "</svg>",
    "",
  ].join("\n");
}

/**
 * Round numbers for an axis: about `count` of them, the first not above `from` and the last not below `to`.
 * @throws RangeError unless from < to
 */
export function niceTicks(from: number, to: number, count = 5): number[] {
  if (!(from < to)) throw new RangeError(`an axis from ${from} to ${to}; expected it to rise`);
  const rough = (to - from) / count;
  const power = exact.pow(10, Math.floor(exact.log10(rough)));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10);
  const [first, last] = [Math.floor(from / step + 1e-9), Math.ceil(to / step - 1e-9)];
  // Multiples of a decimal fraction, without binary rounding digits.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

const escaped = (words: string): string =>
  words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
