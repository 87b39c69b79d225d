// Draws by a scheduler, whose steps are those of all pictures.

import { isSchedulerName } from "imago";
import type { DrawRequest } from "../messages.ts";
import type { Drawer } from "./drawer.ts";
import { say } from "./say.ts";
import { Shown } from "./shown.ts";

/** What generate takes of a request, whatever is drawn. */
export function howOf({ steps, scheduler, options, eta, classLabel, guidanceScale }: DrawRequest) {
  if (scheduler !== undefined && !isSchedulerName(scheduler)) throw new Error(`${scheduler} is no scheduler`);
  return {
    ...(scheduler !== undefined && { scheduler }),
    ...(steps !== undefined && { steps }),
    ...(options !== undefined && { schedulerOptions: options }),
    ...(eta !== undefined && { eta }),
    ...(classLabel !== undefined && { classLabels: [classLabel] }),
    ...(guidanceScale !== undefined && { guidanceScale }),
  };
}

export async function drawSteps(pipeline: Drawer, request: DrawRequest, signal: AbortSignal): Promise<void> {
  const { count, seed, showsClean } = request;
  const shown = new Shown(pipeline, showsClean, signal);
  const how = { ...howOf(request), count, seed, signal, batchSize: count };
  await pipeline.generate({
    ...how,
    onStep(seen) {
      const { step, steps } = seen;
      say({ kind: "progress", picture: null, step, steps, share: step / steps });
      shown.add(seen);
    },
  });
  await shown.all;
}
