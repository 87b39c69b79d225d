// A drawing: its pictures step by step, the film of each, and what can be done with them.

import { useState } from "preact/hooks";
import { type Drawing, draw } from "../../engine/drawing.ts";
import { filmOf } from "../../engine/film.ts";
import { MaskPainter } from "../../parts/mask_painter.tsx";
import { Picture } from "../../parts/picture.tsx";
import { Player } from "../../parts/player.tsx";
import { Save } from "../../parts/save.tsx";
import { StepSizes } from "../../parts/step_sizes.tsx";
import { StepSlider } from "../../parts/step_slider.tsx";

/** Pictures of a part that is drawn anew. */
const REPAINTED = 4;

export function Result({ drawing }: { readonly drawing: Drawing }) {
  const { request, steps, frames, imageSteps, walk, isOver, seconds, problem } = drawing;
  const [at, setAt] = useState<number | null>(null);
  const [filmed, setFilmed] = useState<number | null>(null);
  const last = frames.length - 1;
  const index = at === null ? last : Math.min(at, last);
  const frame = frames[index];
  return (
    <article class="panel" aria-label="the drawing" aria-busy={!isOver}>
      <p role="status">{statusOf(drawing)}</p>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {walk !== null && <Player name="the walk" file="walk.png" pictures={walk} />}
      {frame && (
        <>
          <div class="pictures" style={{ "--columns": Math.ceil(Math.sqrt(frame.pictures.count)) }}>
            {Array.from({ length: frame.pictures.count }, (_, i) => (
              <button
                key={i}
                type="button"
                class="look"
                disabled={seconds === null}
                aria-pressed={filmed === i}
                title="its film"
                onClick={() => setFilmed(filmed === i ? null : i)}
              >
                <Picture
                  pictures={frame.pictures}
                  index={i}
                  label={`picture ${i + 1} after step ${frame.step}`}
                />
              </button>
            ))}
          </div>
          <StepSlider
            label={`step ${frame.step} of ${steps}`}
            step={frame.step}
            {...{ last, index }}
            onChange={(next) => setAt(next === last ? null : next)}
          />
          {seconds !== null && filmed === null && (
            <p class="quiet">Click a picture for its film{imageSteps.length > 0 && " and its steps"}.</p>
          )}
          {filmed !== null && seconds !== null && <Film drawing={drawing} index={filmed} key={filmed} />}
          {imageSteps.length > 0 && <StepSizes steps={imageSteps} highlighted={filmed} />}
          {seconds !== null && request.repaint === undefined && (
            <Save request={request} pictures={frames[last].pictures} />
          )}
          {seconds !== null && (
            <MaskPainter
              pictures={frames[last].pictures}
              onPaint={(repaint) => void draw({ ...request, count: REPAINTED, showsClean: false, repaint })}
            />
          )}
        </>
      )}
    </article>
  );
}

function Film({ drawing: { frames }, index }: { readonly drawing: Drawing; readonly index: number }) {
  const [pictures] = useState(() => filmOf(frames, index));
  return (
    <Player name={`the film of picture ${index + 1}`} file="film.png" {...{ pictures }} holdsLast>
      {frames[0].clean !== undefined && (
        <p class="quiet">The picture as it was, and what the model took for the clean one.</p>
      )}
    </Player>
  );
}

function statusOf({ stage, steps, frames, seconds, problem }: Drawing): string {
  if (problem !== null) return "";
  if (stage !== null) return stage;
  return seconds === null
    ? `step ${frames.at(-1)?.step ?? 0} of ${steps}`
    : `drawn in ${seconds.toFixed(1)} s`;
}
