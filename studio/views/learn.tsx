// What diffusion is, by the model in front of the reader.

import { useState } from "preact/hooks";
import { type Drawing, draw, drawing } from "../engine/drawing.ts";
import { Picture } from "../parts/picture.tsx";
import { StepSlider } from "../parts/step_slider.tsx";
import { runs } from "../state.ts";
import { addressOf } from "./draw.tsx";

const STEPS = 40;

export function Learn() {
  const usable = runs.value.filter(({ hasPipeline }) => hasPipeline);
  const [key, setKey] = useState<string | null>(null);
  const [seed, setSeed] = useState(1);
  const shown = key ?? usable[0]?.key;
  if (shown === undefined) {
    return (
      <p class="empty">
        This page explains diffusion by a model. <a href="#train">Train one</a> first.
      </p>
    );
  }
  const begin = (next: number): void => {
    setSeed(next);
    void draw({
      ...{ source: addressOf(`run:${shown}`), count: 1, seed: next, scheduler: "ddim", steps: STEPS },
      ...{ backend: "auto", showsClean: true },
    });
  };
  const own = drawing.value?.request.showsClean === true ? drawing.value : null;
  return (
    <article class="panel prose">
      <h2>How a picture comes out of noise</h2>
      <p>
        A diffusion model has seen pictures to which noise was added: a little, or so much that nothing is
        left of them. It has learnt one thing: given such a picture, and how much noise is in it, to say what
        the clean picture was.
      </p>
      <p>
        To draw, one gives it noise alone and asks the same. Its first answer is a blur, the mean of all
        pictures that there might be. One goes a small step from the noise towards that answer, and asks
        again. Each answer is sharper than the one before, because more of the picture is decided. That is
        all.
      </p>
      <div class="actions">
        <label>
          model
          <select value={shown} onChange={({ currentTarget }) => setKey(currentTarget.value)}>
            {usable.map((run) => (
              <option key={run.key} value={run.key}>
                {run.name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="main" onClick={() => begin(seed)}>
          begin with noise
        </button>
        <button type="button" onClick={() => begin(seed + 1)}>
          other noise
        </button>
      </div>
      {own !== null && <Steps drawing={own} />}
    </article>
  );
}

function Steps({ drawing: { stage, steps, frames, problem } }: { readonly drawing: Drawing }) {
  const [at, setAt] = useState(0);
  const last = frames.length - 1;
  const index = Math.min(at, Math.max(0, last));
  const frame = frames[index];
  if (problem !== null) return <p class="problem">{problem}</p>;
  if (frame === undefined) return <p role="status">{stage ?? "drawing"}</p>;
  return (
    <section aria-label="the steps">
      <div class="pair">
        <figure>
          <Picture pictures={frame.pictures} index={0} label={`the picture after step ${frame.step}`} />
          <figcaption>after step {frame.step}: what the model is given next</figcaption>
        </figure>
        {frame.clean && (
          <figure>
            <Picture pictures={frame.clean} index={0} label="what the model takes for the clean picture" />
            <figcaption>what it takes for the clean picture</figcaption>
          </figure>
        )}
      </div>
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
