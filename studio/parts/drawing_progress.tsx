// How far a drawing is.

import type { Progress } from "../engine/drawing.ts";
import { duration } from "../wording.ts";

export function DrawingProgress({
  progress: { picture, step, steps, share, secondsLeft },
  count,
}: {
  readonly progress: Progress;
  /** Of all pictures. */
  readonly count: number;
}) {
  const which = picture === null || count === 1 ? "" : `picture ${picture + 1} of ${count}, `;
  const left = secondsLeft === null ? "" : `, ${duration(secondsLeft)} left`;
  return (
    <div class="progress">
      <progress max={1} value={share} aria-label="of the drawing" />
      <p role="status">
        {which}step {step} of {steps}
        {left}
      </p>
    </div>
  );
}
