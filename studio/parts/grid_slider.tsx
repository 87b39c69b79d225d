// The sample grids of a run, with a slider back through it.

import { useEffect, useState } from "preact/hooks";
import { PLACES, type PlacedDetails } from "../state.ts";
import { StepSlider } from "./step_slider.tsx";

export function GridSlider({ run: { place, name, grids } }: { readonly run: PlacedDetails }) {
  const [at, setAt] = useState<number | null>(null);
  const [shown, setShown] = useState<{ readonly step: number; readonly address: string } | null>(null);
  const last = grids.length - 1;
  // Without a choice the newest is shown, also when a newer one comes.
  const index = at === null ? last : Math.min(at, last);
  const step = grids[index];
  useEffect(() => {
    if (step === undefined) return;
    let isCurrent = true;
    PLACES[place].addressOf(name, `samples/${String(step).padStart(6, "0")}.png`).then(
      (address) => isCurrent && setShown({ step, address }),
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [place, name, step]);
  if (step === undefined) return <p class="quiet">Pictures come with the first sample grid.</p>;
  return (
    <figure class="grid">
      {shown && <img src={shown.address} alt={`pictures of the run after ${shown.step} steps`} />}
      <figcaption>
        <StepSlider
          label={`step ${step}`}
          step={step}
          {...{ last, index }}
          onChange={(next) => setAt(next === last ? null : next)}
        />
      </figcaption>
    </figure>
  );
}
