// The sample grids of a run, with a slider back through it.

import { useState } from "preact/hooks";
import { fileOf } from "../server.ts";

export function GridSlider({ name, grids }: { readonly name: string; readonly grids: readonly number[] }) {
  const [at, setAt] = useState<number | null>(null);
  if (grids.length === 0) return <p class="quiet">Pictures come with the first sample grid.</p>;
  const last = grids.length - 1;
  // Without a choice the newest is shown, also when a newer one comes.
  const index = at === null ? last : Math.min(at, last);
  const step = grids[index];
  return (
    <figure class="grid">
      <img
        src={fileOf(name, `samples/${String(step).padStart(6, "0")}.png`)}
        alt={`pictures of the run after ${step} steps`}
      />
      <figcaption>
        <label>
          step {step}
          <input
            type="range"
            min="0"
            max={last}
            value={index}
            disabled={last === 0}
            aria-valuetext={`step ${step}`}
            onInput={({ currentTarget }) => {
              const next = Number(currentTarget.value);
              setAt(next === last ? null : next);
            }}
          />
        </label>
      </figcaption>
    </figure>
  );
}
