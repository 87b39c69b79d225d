// How large the steps were that a sampler chose, each picture for itself.

import uPlot from "uplot";
import type { ImageStep } from "../engine/messages.ts";
import { Chart, colourOf } from "./chart.tsx";

/** Curves of more pictures are a tangle. */
const MOST_CURVES = 6;

export function StepSizes({
  steps,
  highlighted,
}: {
  readonly steps: readonly ImageStep[];
  /** The picture whose steps alone are shown; null for the first ones. */
  readonly highlighted: number | null;
}) {
  const pictures = [...new Set(steps.map(({ image }) => image))]
    .filter((image) => highlighted === null || image === highlighted)
    .sort((a, b) => a - b)
    .slice(0, MOST_CURVES);
  const own = pictures.map((image) => steps.filter((step) => step.image === image));
  const said = own.map((all, i) => `picture ${pictures[i] + 1}: ${all.length} steps`).join(", ");
  return (
    <figure class="sizes">
      <Chart
        label={`the size of each step, from noise to picture; ${said}`}
        options={{
          scales: { x: { time: false, dir: -1 }, y: { distr: 3 } },
          series: [
            { label: "timestep" },
            ...pictures.map((image, i) => ({
              label: `picture ${image + 1}`,
              stroke: colourOf(i),
              width: 1.5,
              spanGaps: true,
            })),
          ],
        }}
        axes={[{ label: "noise, in timesteps" }, { size: 60, label: "size of the step" }]}
        data={dataOf(own)}
        shape={pictures.join(" ")}
        version={steps.length}
      />
      <figcaption>The steps that the sampler chose: {said}.</figcaption>
    </figure>
  );
}

function dataOf(own: readonly (readonly ImageStep[])[]): uPlot.AlignedData {
  const tables = own.map((steps): uPlot.AlignedData => {
    const rising = [...steps].sort((a, b) => a.timestep - b.timestep);
    return [
      rising.map(({ timestep }) => timestep),
      rising.map(({ timestep, nextTimestep }) => timestep - nextTimestep),
    ];
  });
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}
