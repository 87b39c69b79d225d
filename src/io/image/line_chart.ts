// A line chart as SVG: a title, two axes with ticks, named lines. It does only what the figures of the docs and of
// model cards need.

import * as exact from "../../engine/math/index.ts";
import { LETTER_HEIGHT, textPixels, textWidth } from "./pixel_font.ts";

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
  /** Equal ratios are equally far apart; both ends are above 0. */
  readonly log?: boolean;
}

/**
 * How texts are drawn: by the fonts of whoever shows the chart, or as pixels, which need none: for PNG files, which are
 * made on machines without fonts too.
 */
export type Lettering = "fonts" | "pixels";

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 24;
const TOP = 40;
const BOTTOM = 52;

/** Side of a letter's pixels; a whole number of pixels at twice the size. */
const DOT = 1.5;

/** The chart as the text of an SVG file; readable on light and dark pages. */
export function lineChart(
  title: string,
  xAxis: Axis,
  yAxis: Axis,
  lines: readonly Line[],
  lettering: Lettering = "fonts",
): string {
  const x = (value: number) => LEFT + shareOf(xAxis, value) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - shareOf(yAxis, value) * (HEIGHT - TOP - BOTTOM);
  const text = lettering === "fonts" ? fontText : pixelText;
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
    ...xAxis.ticks.map((tick) => text([x(tick), bottom + 18], "middle", numberText(tick))),
    ...yAxis.ticks.map((tick) => text([LEFT - 8, y(tick) + 4], "end", numberText(tick))),
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

type TextWriter = (
  at: readonly [x: number, y: number],
  anchor: "start" | "middle" | "end",
  words: string,
  more?: string,
) => string;

const fontText: TextWriter = ([x, y], anchor, words, more = "") =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more}>${escaped(words)}</text>`;

const pixelText: TextWriter = ([x, y], anchor, words, more = "") => {
  const before = { start: 0, middle: 0.5, end: 1 }[anchor] * textWidth(words) * DOT;
  const [left, top] = [Math.round(x - before), Math.round(y - LETTER_HEIGHT * DOT)];
  const dots = textPixels(words).map(
    ([column, row]) => `M${left + column * DOT} ${top + row * DOT}h${DOT}v${DOT}h-${DOT}z`,
  );
  return `<path d="${dots.join("")}" fill="#333" shape-rendering="crispEdges"${more}/>`;
};

/** The place of a value on an axis: 0 at its beginning, 1 at its end. */
function shareOf({ from, to, log }: Axis, value: number): number {
  if (!log) return (value - from) / (to - from);
  return (exact.log(value) - exact.log(from)) / (exact.log(to) - exact.log(from));
}

/** 20000 -> "20k", 1500000 -> "1.5M", 1e-9 -> "1e-9": short, because there is little room. */
function numberText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return value.toExponential().replace("+", "");
  const [unit, factor] = size >= 1e6 ? ["M", 1e6] : size >= 1e4 ? ["k", 1e3] : ["", 1];
  return `${Number((value / Number(factor)).toPrecision(6))}${unit}`;
}

/** Largest number of ticks in all decades of a logarithmic axis, before only powers of ten are left. */
const MOST_TICKS = 10;

/**
 * Numbers for a logarithmic axis: 1, 2 and 5 times powers of ten, or, for many decades, powers of ten; the first is not
 * above `from` and the last not below `to`.
 * @throws RangeError unless 0 < from <= to
 */
export function logTicks(from: number, to: number): number[] {
  if (!(from > 0 && from <= to)) {
    throw new RangeError(
      `a logarithmic axis from ${from} to ${to}; expected it to begin above 0 and to rise`,
    );
  }
  const [low, high] = [Math.floor(exact.log10(from)), Math.ceil(exact.log10(to))];
  const powers = Array.from({ length: high - low + 2 }, (_, i) => low + i);
  const fine = powers.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  const enclosing = (ticks: readonly number[]) => {
    const first = ticks.findLastIndex((tick) => tick <= from);
    const last = Math.max(
      first + 1,
      ticks.findIndex((tick) => tick >= to),
    );
    return ticks.slice(Math.max(0, first), last + 1);
  };
  const ticks = enclosing(fine);
  if (ticks.length <= MOST_TICKS) return ticks;
  const every = Math.ceil(powers.length / MOST_TICKS);
  return enclosing(
    powers.filter((_, i) => i % every === 0 || i === powers.length - 1).map((power) => Number(`1e${power}`)),
  );
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
