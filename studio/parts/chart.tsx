// Curves by uPlot, as wide as their place.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

/** Colours that are told apart on light and dark ground, also by the colour-blind (Okabe and Ito). */
const COLOURS = ["#7a5af5", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7"] as const;
export const colourOf = (i: number): string => COLOURS[i % COLOURS.length];

const HEIGHT = 280;

export interface ChartProps {
  /** What is seen, for those who do not see it. */
  readonly label: string;
  readonly options: Omit<uPlot.Options, "width" | "height" | "axes">;
  /** Of the axes, in the order of x and y. */
  readonly axes: readonly [uPlot.Axis, uPlot.Axis];
  readonly data: uPlot.AlignedData;
  /** Changes when the options do. */
  readonly shape: string;
  /** Changes when the data do. */
  readonly version: number | string;
}

export function Chart({ label, options, axes, data, shape, version }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const { current } = place;
    if (current === null) return;
    const all = { ...options, axes: axes.map(styled), width: current.clientWidth, height: HEIGHT };
    const made = new uPlot(all, data, current);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height: HEIGHT }));
    resized.observe(current);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [version]);
  return <div ref={place} class="curves" role="img" aria-label={label} />;
}

const colourNamed = (name: string) => () => getComputedStyle(document.body).getPropertyValue(name);

const styled = (axis: uPlot.Axis): uPlot.Axis => ({
  stroke: colourNamed("--quiet"),
  grid: { stroke: colourNamed("--line"), width: 1 },
  ticks: { show: false },
  ...axis,
});
