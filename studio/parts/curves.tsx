// Curves of runs laid over each other.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { QUANTITIES, type Quantity, type StepRecord, smoothed } from "../records.ts";

interface CurvesProps {
  /** The records of each run. */
  readonly runs: readonly { readonly name: string; readonly steps: readonly StepRecord[] }[];
  readonly quantity: Quantity;
  /** The share of the old average that is kept. */
  readonly smoothing: number;
  readonly over: "step" | "seconds";
  readonly isLogarithmic: boolean;
  /** Changes when records do, which grow in place. */
  readonly version: number;
}

/** Colours that are told apart on light and dark ground, also by the colour-blind (Okabe and Ito). */
const COLOURS = ["#7a5af5", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7"] as const;
const colourOf = (i: number): string => COLOURS[i % COLOURS.length];

const HEIGHT = 280;

export function Curves(props: CurvesProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const names = props.runs.map(({ name }) => name).join("\n");
  const { quantity, smoothing, over, isLogarithmic, version } = props;
  const data = useRef<uPlot.AlignedData>([[]]);
  data.current = dataOf(props);
  useEffect(() => {
    const { current } = place;
    if (current === null) return;
    const made = new uPlot(optionsOf(props, current.clientWidth), data.current, current);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: current.clientWidth, height: HEIGHT }));
    resized.observe(current);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [names, quantity, over, isLogarithmic]);
  useEffect(() => {
    plot.current?.setData(data.current);
  }, [version, smoothing]);
  const last = props.runs.map(({ name, steps }) => `${name}: ${steps.at(-1)?.[quantity] ?? "nothing yet"}`);
  return (
    <div
      ref={place}
      class="curves"
      role="img"
      aria-label={`${QUANTITIES[quantity]} over ${over === "step" ? "steps" : "time"}; last, ${last.join("; ")}`}
    />
  );
}

function dataOf({ runs, quantity, smoothing, over }: CurvesProps): uPlot.AlignedData {
  if (runs.length === 0) return [[]];
  const tables = runs.map(({ steps }): uPlot.AlignedData => {
    const shown = steps.filter((record) => record[quantity] !== undefined);
    const values = shown.map((record) => record[quantity]);
    return [shown.map((record) => record[over]), smoothing === 0 ? values : smoothed(values, smoothing)];
  });
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}

function optionsOf({ runs, over, isLogarithmic }: CurvesProps, width: number): uPlot.Options {
  const axis = {
    stroke: () => getComputedStyle(document.body).getPropertyValue("--quiet"),
    grid: { stroke: () => getComputedStyle(document.body).getPropertyValue("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: true, y: false } },
    legend: { live: true },
    scales: { x: { time: false }, y: { distr: isLogarithmic ? 3 : 1 } },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      { label: over === "step" ? "step" : "seconds" },
      ...runs.map(({ name }, i) => ({
        label: name,
        stroke: colourOf(i),
        width: 1.5,
        spanGaps: true,
        points: { show: false },
        value: (_: uPlot, value: number | null) =>
          value === null ? "" : String(Number(value.toPrecision(4))),
      })),
    ],
  };
}
