// What can be done with a run: stop, go on, draw.

import type { TrainingStatus } from "../places/place.ts";
import { attempt, chosen, PLACES, type PlacedRun } from "../state.ts";

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
      {isOwn && (
        <button
          type="button"
          disabled={training.stage === "stop"}
          onClick={() => attempt(() => PLACES[run.place].stop(run.name))}
        >
          {training.stage === "stop" ? "stopping after this step" : "stop"}
        </button>
      )}
      {!isOwn && run.state === "stopped" && (
        <button type="button" onClick={() => attempt(() => PLACES[run.place].resume(run.name, []))}>
          go on
        </button>
      )}
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
