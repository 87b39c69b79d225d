// What diffusion is, by the model in front of the reader.

import { useState } from "preact/hooks";
import { draw, lesson } from "../../engine/drawing.ts";
import { runs } from "../../state.ts";
import { modelOfRun } from "../draw/source.ts";
import { Noise } from "./noise.tsx";
import { Steps } from "./steps.tsx";

const STEPS = 40;

export function Learn() {
  const usable = runs.value.filter(({ hasPipeline }) => hasPipeline);
  const [key, setKey] = useState<string | null>(null);
  const [seed, setSeed] = useState(1);
  const shown = usable.find((run) => run.key === key) ?? usable[0];
  const model = shown && modelOfRun(shown.key);
  if (model === undefined) {
    return (
      <p class="empty">
        This page explains diffusion by a model. <a href="#train">Train one</a> first.
      </p>
    );
  }
  const begin = (next: number): void => {
    setSeed(next);
    const how = { count: 1, seed: next, scheduler: "ddim", steps: STEPS } as const;
    void draw({ model, ...how, backend: "auto", showsClean: true }, lesson);
  };
  return (
    <article class="panel prose">
      <h2>How a picture comes out of noise</h2>
      <p>
        A diffusion model has seen pictures to which noise was added: a little, or so much that nothing is
        left of them. It has learnt one thing: given such a picture, and how much noise is in it, to say what
        the clean picture was.
      </p>
      <label>
        model
        <select value={shown.key} onChange={({ currentTarget }) => setKey(currentTarget.value)}>
          {usable.map((run) => (
            <option key={run.key} value={run.key}>
              {run.name}
            </option>
          ))}
        </select>
      </label>
      <h3>Ask it</h3>
      <Noise model={model} key={shown.key} />
      <h3>Ask again and again</h3>
      <p>
        To draw, one gives it noise alone and asks the same. Its first answer is a blur, the mean of all
        pictures that there might be. One goes a small step from the noise towards that answer, and asks
        again. Each answer is sharper than the one before, because more of the picture is decided. That is
        all.
      </p>
      <div class="actions">
        <button type="button" class="main" onClick={() => begin(seed)}>
          begin with noise
        </button>
        <button type="button" onClick={() => begin(seed + 1)}>
          other noise
        </button>
      </div>
      {lesson.value !== null && <Steps drawing={lesson.value} />}
    </article>
  );
}
