// How far a run is, and what its last step says.

import type { RunSummary, TrainingStatus } from "../places/place.ts";
import { duration, short } from "../wording.ts";

export function Progress({
  run,
  training,
}: {
  readonly run: RunSummary;
  readonly training: TrainingStatus | undefined;
}) {
  const { last, step, steps, state } = run;
  const left = state === "training" ? training?.secondsLeft : null;
  const facts: [string, string][] = [
    ["loss", short(last?.loss)],
    ["gradient norm", short(last?.grad_norm)],
    ["learning rate", short(last?.lr)],
    ["images a second", short(last?.images_per_second)],
    ["trained", typeof last?.seconds === "number" ? duration(last.seconds) : ""],
    ["time left", typeof left === "number" ? duration(left) : ""],
  ];
  return (
    <section class="progress" aria-label="progress">
      <progress max={steps} value={step} aria-label={`step ${step} of ${steps}`} />
      <p>
        step {step} of {steps} <span class={`state ${state}`}>{state}</span>
      </p>
      <dl>
        {facts
          .filter(([, value]) => value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
