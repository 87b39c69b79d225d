// The runs of the folder: a list, and what the chosen ones have done.

import { useState } from "preact/hooks";
import { Comparison } from "../parts/comparison.tsx";
import { Curves } from "../parts/curves.tsx";
import { GridSlider } from "../parts/grid_slider.tsx";
import { Notes } from "../parts/notes.tsx";
import { Progress } from "../parts/progress.tsx";
import { RunActions } from "../parts/run_actions.tsx";
import { isQuantity, QUANTITIES, type Quantity } from "../records.ts";
import {
  chosen,
  compared,
  details,
  type PlacedDetails,
  type PlacedRun,
  recordsOf,
  recordsVersion,
  runs,
  trainings,
} from "../state.ts";
import { short, sizeText } from "../wording.ts";

export function RunsView() {
  if (runs.value.length === 0) {
    return (
      <p class="empty">
        There are no runs here yet. <a href="#train">Train a model</a>, or run npx imago train in a terminal:
        it is followed here while it trains.
      </p>
    );
  }
  return (
    <div class="columns">
      <ul class="list" aria-label="runs">
        {runs.value.map((run) => (
          <RunRow key={run.key} run={run} />
        ))}
      </ul>
      {details.value === null ? (
        <p class="empty">{chosen.value === null ? "Choose a run." : "Reading the run."}</p>
      ) : (
        <RunPanel run={details.value} />
      )}
    </div>
  );
}

function RunRow({ run }: { readonly run: PlacedRun }) {
  const isCompared = compared.value.includes(run.key);
  return (
    <li class={run.key === chosen.value ? "chosen" : ""}>
      <button
        type="button"
        aria-pressed={run.key === chosen.value}
        onClick={() => {
          chosen.value = run.key;
        }}
      >
        <strong>{run.name}</strong>
        <span class={`state ${run.state}`}>{run.state}</span>
        <span class="quiet">
          {run.place === "tab" ? "this browser, " : ""}
          {run.preset ?? "own settings"}, {sizeText(run.size)}, step {run.step} of {run.steps}
          {run.last === null ? "" : `, loss ${short(run.last.loss)}`}
        </span>
      </button>
      <label class="compare">
        <input
          type="checkbox"
          checked={isCompared}
          onChange={() => {
            compared.value = isCompared
              ? compared.value.filter((key) => key !== run.key)
              : [...compared.value, run.key];
          }}
        />
        compare
      </label>
    </li>
  );
}

function RunPanel({ run }: { readonly run: PlacedDetails }) {
  const keys = [run.key, ...compared.value.filter((key) => key !== run.key)];
  const training = trainings.value.find(({ key }) => key === run.key);
  return (
    <article class="panel" aria-label={run.name}>
      <h2>{run.name}</h2>
      <Progress run={run} training={training} />
      <RunActions run={run} training={training} />
      <GridSlider key={run.key} run={run} />
      <CurvePanel keys={keys} />
      <Comparison keys={keys} />
      <Notes key={run.key} run={run} />
    </article>
  );
}

/** A run's name without its place. */
const shownName = (key: string): string => runs.value.find((run) => run.key === key)?.name ?? key;

const SMOOTHINGS = [0, 0.9, 0.98] as const;

function CurvePanel({ keys }: { readonly keys: readonly string[] }) {
  const [quantity, setQuantity] = useState<Quantity>("loss");
  const [smoothing, setSmoothing] = useState<number>(0.9);
  const [over, setOver] = useState<"step" | "seconds">("step");
  const [isLogarithmic, setLogarithmic] = useState(true);
  return (
    <section aria-label="curves">
      <div class="controls">
        <label>
          curve
          <select
            value={quantity}
            onChange={({ currentTarget: { value } }) => {
              if (isQuantity(value)) setQuantity(value);
            }}
          >
            {Object.entries(QUANTITIES).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <label>
          average over
          <select
            value={smoothing}
            onChange={({ currentTarget }) => setSmoothing(Number(currentTarget.value))}
          >
            {SMOOTHINGS.map((kept) => (
              <option key={kept} value={kept}>
                {kept === 0 ? "nothing" : `${Math.round(1 / (1 - kept))} steps`}
              </option>
            ))}
          </select>
        </label>
        <label>
          by
          <select
            value={over}
            onChange={({ currentTarget }) => setOver(currentTarget.value === "seconds" ? "seconds" : "step")}
          >
            <option value="step">steps</option>
            <option value="seconds">time</option>
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={isLogarithmic}
            onChange={({ currentTarget }) => setLogarithmic(currentTarget.checked)}
          />
          logarithmic
        </label>
      </div>
      <Curves
        runs={keys.map((key) => ({ name: shownName(key), steps: recordsOf(key).steps }))}
        {...{ quantity, smoothing, over, isLogarithmic }}
        version={recordsVersion.value}
      />
    </section>
  );
}
