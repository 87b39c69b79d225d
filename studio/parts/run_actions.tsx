// What can be done with a run: pause, stop, go on, draw.

import type { PlacedFile } from "imago/browser";
import type { TrainingStatus } from "../places/place.ts";
import { attempt, chosen, PLACES, type PlacedRun } from "../state.ts";
import { FileFields } from "./file_fields.tsx";

export function RunActions({
  run,
  training,
}: {
  readonly run: PlacedRun;
  readonly training: TrainingStatus | undefined;
}) {
  const isOwn = training?.isRunning === true;
  return (
    <div class="actions">
      {isOwn && <Running run={run} stage={training.stage} />}
      {!isOwn && run.state === "stopped" && <GoOn run={run} />}
      {run.hasPipeline && (
        <button
          type="button"
          onClick={() => {
            chosen.value = run.key;
            location.hash = "draw";
          }}
        >
          draw
        </button>
      )}
      {!isOwn && run.state === "training" && (
        <span class="quiet">trained by another process, and followed here</span>
      )}
      {training?.device && <span class="quiet">on {training.device}</span>}
      {training?.problem && <p class="problem">{training.problem}</p>}
      {training?.warnings.map((warning) => (
        <p key={warning} class="quiet">
          {warning}
        </p>
      ))}
    </div>
  );
}

/** A training holds after its step, or ends after it; a pause keeps its memory, a stop frees it. */
function Running({
  run: { place, name },
  stage,
}: {
  readonly run: PlacedRun;
  readonly stage: string | null;
}) {
  const isStopping = stage === "stop";
  return (
    <>
      {stage === "pause" ? (
        <button type="button" class="main" onClick={() => attempt(() => PLACES[place].unpause(name))}>
          go on
        </button>
      ) : (
        <button type="button" disabled={isStopping} onClick={() => attempt(() => PLACES[place].pause(name))}>
          pause
        </button>
      )}
      <button type="button" disabled={isStopping} onClick={() => attempt(() => PLACES[place].stop(name))}>
        {isStopping ? "stopping after this step" : "stop"}
      </button>
      {stage === "pause" && <span class="state">paused</span>}
    </>
  );
}

function GoOn({ run }: { readonly run: PlacedRun }) {
  const { place, name } = run;
  const goOn = (images: readonly PlacedFile[]): void =>
    void attempt(() => PLACES[place].resume(name, images));
  if (!PLACES[place].needsImages(run)) {
    return (
      <button type="button" onClick={() => goOn([])}>
        go on
      </button>
    );
  }
  return (
    <fieldset class="group">
      <legend>go on with its {run.images} images</legend>
      <FileFields given={0} onChange={goOn} />
    </fieldset>
  );
}
