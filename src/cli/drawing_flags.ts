// The options for drawing images, shared by all commands that draw with a model.

import { MOST_GUIDANCE } from "../pipelines/class_labels.ts";
import { samplerNames, schedulerNames } from "../schedulers/index.ts";
import { decimal, integer } from "./parsers.ts";

/** The values of --scheduler. */
export const SCHEDULER_NAMES = [...schedulerNames, ...samplerNames];

/** Name, description and parser of each option. */
export const DRAWING = {
  checkpoint: [
    "--checkpoint <step>",
    "of a run: draw with the weights of this checkpoint instead of the last",
    integer("--checkpoint", 1),
  ],
  guidance: [
    "--guidance <x>",
    "class-conditional models: 1 draws as learnt; 2, say, more typical of the class, less varied, in twice the time (default: 1)",
    decimal("--guidance", { min: 0, max: MOST_GUIDANCE }),
  ],
  guidanceRescale: [
    "--guidance-rescale <x>",
    "with guidance: 0 to 1, against pictures that it makes too loud (default: 0; 0.7 is usual)",
    decimal("--guidance-rescale", { min: 0, max: 1 }),
  ],
} as const;
