// Adds noise to a picture by a slider, and shows what the model takes for the clean one.

import { useRef, useState } from "preact/hooks";
import { draw, type Frame, framesOf, lesson, noised } from "../../engine/drawing.ts";
import type { ModelSource, Pictures } from "../../engine/messages.ts";
import { attempt } from "../../state.ts";
import { pictureOf } from "./own_picture.ts";
import { Pair } from "./pair.tsx";

export function Noise({ model }: { readonly model: ModelSource }) {
  const [percent, setPercent] = useState(50);
  const [picture, setPicture] = useState<Pictures | null>(null);
  const [seed, setSeed] = useState(0);
  // While the next answer is on its way, the last one stays.
  const last = useRef<Frame | undefined>(undefined);
  const ask = (next: Partial<{ percent: number; picture: Pictures | null; seed: number }>): void => {
    const asked = { percent, picture, seed, ...next };
    setPercent(asked.percent);
    setPicture(asked.picture);
    setSeed(asked.seed);
    const noise = { picture: asked.picture, level: asked.percent / 100 };
    const how = { count: 1, seed: asked.seed, backend: "auto", showsClean: true } as const;
    void draw({ model, ...how, noised: noise }, noised);
  };
  const own = noised.value;
  last.current = (own && framesOf(own).at(-1)) ?? last.current;
  const frame = last.current;
  const drawn = lesson.value?.isOver === true ? framesOf(lesson.value).at(-1)?.pictures : undefined;
  return (
    <section aria-label="a picture with noise">
      <p>
        Add noise to a picture, and see what the model makes of it. The more noise there is, the more it must
        guess.
      </p>
      <label class="film">
        noise, {percent} %
        <input
          type="range"
          min="0"
          max="100"
          value={percent}
          onInput={({ currentTarget }) => ask({ percent: Number(currentTarget.value) })}
        />
      </label>
      {own?.problem && <p class="problem">{own.problem}</p>}
      {frame === undefined ? (
        own === null ? (
          <button type="button" class="main" onClick={() => ask({})}>
            ask the model
          </button>
        ) : (
          !own.isOver && <p role="status">{own.stage ?? "asking"}</p>
        )
      ) : (
        <>
          <Pair
            given={frame.pictures}
            answer={frame.clean}
            givenLabel="what the model is given"
            answerLabel="what it takes for the clean picture"
          />
          <div class="actions">
            <button type="button" onClick={() => ask({ seed: seed + 1 })}>
              other noise
            </button>
            {drawn && (
              <button type="button" onClick={() => ask({ picture: drawn })}>
                take the picture drawn below
              </button>
            )}
          </div>
          <label>
            a picture of yours
            <input
              type="file"
              accept="image/*"
              onChange={({ currentTarget: { files } }) => {
                const file = files?.[0];
                if (file) void attempt(async () => ask({ picture: await pictureOf(file, frame.pictures) }));
              }}
            />
          </label>
        </>
      )}
    </section>
  );
}
