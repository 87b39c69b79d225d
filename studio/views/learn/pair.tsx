// What a model is given, and what it answers.

import type { Pictures } from "../../engine/messages.ts";
import { Picture } from "../../parts/picture.tsx";

export function Pair({
  given,
  answer,
  givenLabel,
  answerLabel,
}: {
  readonly given: Pictures;
  readonly answer: Pictures | undefined;
  readonly givenLabel: string;
  readonly answerLabel: string;
}) {
  return (
    <div class="pair">
      <figure>
        <Picture pictures={given} index={0} label={givenLabel} />
        <figcaption>{givenLabel}</figcaption>
      </figure>
      {answer && (
        <figure>
          <Picture pictures={answer} index={0} label={answerLabel} />
          <figcaption>{answerLabel}</figcaption>
        </figure>
      )}
    </div>
  );
}
