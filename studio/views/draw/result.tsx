// A drawing: its pictures step by step, the film of each, and what can be done with them.

import { useMemo, useState } from "preact/hooks";
import { type Drawing, draw, type Frame } from "../../engine/drawing.ts";
import { filmOf } from "../../engine/film.ts";
import { joined } from "../../engine/joined.ts";
import { DrawingProgress } from "../../parts/drawing_progress.tsx";
import { MaskPainter } from "../../parts/mask_painter.tsx";
import { Picture } from "../../parts/picture.tsx";
import { Player } from "../../parts/player.tsx";
import { Save } from "../../parts/save.tsx";
import { StepSizes } from "../../parts/step_sizes.tsx";
import { StepSlider } from "../../parts/step_slider.tsx";
import { duration } from "../../wording.ts";
import { anew } from "./values.ts";

export function Result({ drawing }: { readonly drawing: Drawing }) {
  const { request, progress, steps, batches, imageSteps, walk, isOver, problem } = drawing;
  const [at, setAt] = useState<number | null>(null);
  const [filmed, setFilmed] = useState<number | null>(null);
  const last = Math.max(0, ...batches.map(({ frames }) => frames.length - 1));
  const index = at === null ? last : Math.min(at, last);
  const shown = batches.map(({ first, frames }) => ({
    first,
    frame: frames[Math.min(index, frames.length - 1)],
  }));
  const newest = shown.at(-1)?.frame;
  const hasFilms = isOver && last > 0;
  const isDrawn = progress !== null && !isOver && drawing.stage === null;
  return (
    <article class="panel" aria-label="the drawing" aria-busy={!isOver}>
      {isDrawn ? (
        <DrawingProgress progress={progress} count={request.count} />
      ) : (
        <p role="status">{statusOf(drawing)}</p>
      )}
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {drawing.warnings.map((text) => (
        <p key={text} class="quiet">
          {text}
        </p>
      ))}
      {walk !== null && <Player name="the walk" file="walk.png" pictures={walk} />}
      {newest && (
        <>
          <div class="pictures" style={{ "--columns": Math.ceil(Math.sqrt(request.count)) }}>
            {shown.flatMap(({ first, frame }) =>
              Array.from({ length: frame.pictures.count }, (_, k) => {
                const i = first + k;
                return (
                  <button
                    key={i}
                    type="button"
                    class="look"
                    disabled={!hasFilms}
                    aria-pressed={filmed === i}
                    title={hasFilms ? "its film" : undefined}
                    onClick={() => setFilmed(filmed === i ? null : i)}
                  >
                    <Picture
                      pictures={frame.pictures}
                      index={k}
                      label={`picture ${i + 1} after step ${frame.step}`}
                    />
                  </button>
                );
              }),
            )}
          </div>
          {last > 0 && (
            <StepSlider
              label={`step ${newest.step} of ${steps}`}
              step={newest.step}
              {...{ last, index }}
              onChange={(next) => setAt(next === last ? null : next)}
            />
          )}
          {hasFilms && filmed === null && (
            <p class="quiet">Click a picture for its film{imageSteps.length > 0 && " and its steps"}.</p>
          )}
          {hasFilms && filmed !== null && <Film {...ofPicture(drawing, filmed)} key={filmed} />}
          {imageSteps.length > 0 && <StepSizes steps={imageSteps} highlighted={filmed} />}
          {isOver && <Finished drawing={drawing} />}
        </>
      )}
    </article>
  );
}

/** What can be done with pictures that are drawn to their end. */
function Finished({ drawing: { request, batches, steps } }: { readonly drawing: Drawing }) {
  const done = useMemo(() => {
    const pictures = batches.flatMap(({ frames }) => {
      const frame = frames.at(-1);
      return frame?.step === steps ? [frame.pictures] : [];
    });
    return pictures.length === 0 ? null : joined(pictures);
  }, [batches]);
  if (done === null) return null;
  return (
    <>
      {request.repaint === undefined && <Save request={request} pictures={done} />}
      <MaskPainter pictures={done} onPaint={(repaint) => void draw(anew(request, repaint))} />
    </>
  );
}

/** The frames of a picture, and which it is in each. */
function ofPicture(
  { batches }: Drawing,
  picture: number,
): { frames: readonly Frame[]; index: number; picture: number } {
  const batch = batches.findLast(({ first }) => first <= picture);
  return { frames: batch?.frames ?? [], index: picture - (batch?.first ?? 0), picture };
}

function Film({
  frames,
  index,
  picture,
}: {
  readonly frames: readonly Frame[];
  readonly index: number;
  readonly picture: number;
}) {
  const [pictures] = useState(() => filmOf(frames, index));
  return (
    <Player name={`the film of picture ${picture + 1}`} file="film.png" {...{ pictures }} holdsLast>
      {frames[0].clean !== undefined && (
        <p class="quiet">The picture as it was, and what the model took for the clean one.</p>
      )}
    </Player>
  );
}

function statusOf({ stage, isOver, seconds, problem }: Drawing): string {
  if (problem !== null) return "";
  if (stage !== null) return stage;
  if (seconds !== null) return `drawn in ${seconds < 60 ? `${seconds.toFixed(1)} s` : duration(seconds)}`;
  return isOver ? "stopped" : "";
}
