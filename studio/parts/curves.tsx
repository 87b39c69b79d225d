// Curves of runs laid over each other.

import uPlot from "uplot";
import { QUANTITIES, type Quantity, type StepRecord, smoothed } from "../records.ts";
import { Chart, colourOf } from "./chart.tsx";

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

export function Curves(props: CurvesProps) {
  const { runs, quantity, smoothing, over, isLogarithmic, version } = props;
  const names = runs.map(({ name }) => name).join("\n");
  const last = runs.map(({ name, steps }) => `${name}: ${steps.at(-1)?.[quantity] ?? "nothing yet"}`);
  return (
    <Chart
      label={`${QUANTITIES[quantity]} over ${over === "step" ? "steps" : "time"}; last, ${last.join("; ")}`}
      options={optionsOf(props)}
      axes={[{}, { size: 60 }]}
      data={dataOf(props)}
      shape={`${names} ${quantity} ${over} ${isLogarithmic}`}
      version={`${version} ${smoothing}`}
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

const optionsOf = ({ runs, over, isLogarithmic }: CurvesProps) => ({
  cursor: { drag: { x: true, y: false } },
  legend: { live: true },
  scales: { x: { time: false }, y: { distr: isLogarithmic ? 3 : 1 } } as const,
  series: [
    { label: over === "step" ? "step" : "seconds" },
    ...runs.map(({ name }, i) => ({
      label: name,
      stroke: colourOf(i),
      width: 1.5,
      spanGaps: true,
      points: { show: false },
      value: (_: uPlot, value: number | null) => (value === null ? "" : String(Number(value.toPrecision(4)))),
    })),
  ],
});
