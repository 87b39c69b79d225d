// Step by step from noise to a picture, by hand.

import { useState } from "preact/hooks";
import { type Drawing, framesOf } from "../../engine/drawing.ts";
import { StepSlider } from "../../parts/step_slider.tsx";
import { Pair } from "./pair.tsx";

export function Steps({ drawing }: { readonly drawing: Drawing }) {
  const { stage, steps, problem } = drawing;
  const frames = framesOf(drawing);
  const [at, setAt] = useState(0);
  const last = frames.length - 1;
  const index = Math.min(at, Math.max(0, last));
  const frame = frames[index];
  if (problem !== null) return <p class="problem">{problem}</p>;
  if (frame === undefined) return <p role="status">{stage ?? "drawing"}</p>;
  return (
    <section aria-label="the steps">
      <Pair
        given={frame.pictures}
        answer={frame.clean}
        givenLabel={`after step ${frame.step}: what the model is given next`}
        answerLabel="what it takes for the clean picture"
      />
      <StepSlider
        label={`step ${frame.step} of ${steps}`}
        step={frame.step}
        {...{ last, index }}
        onChange={setAt}
      />
      <div class="actions">
        <button type="button" disabled={index === 0} onClick={() => setAt(index - 1)}>
          back
        </button>
        <button type="button" disabled={index >= last} onClick={() => setAt(index + 1)}>
          next step
        </button>
      </div>
      <p class="quiet">
        Early steps decide what it is: shape and colour. Late ones add what is small. Walk back to where it
        was noise, and watch when the wings are decided.
      </p>
    </section>
  );
}
