// Options with the same meaning in every command.

import { DISTRIBUTED_MODES } from "../distributed/open.ts";
import { BACKEND_CHOICES } from "../engine/backends/create.ts";
import { PRECISIONS } from "../engine/precision.ts";
import { choice, integer } from "./parsers.ts";

/** Name, description and parser of each option. */
export const COMMON = {
  skipBroken: ["--skip-broken", "leave out images that cannot be read, and say which"],
  force: ["--force", "replace files that are there already"],
  threads: ["--threads <n>", "default: what the machine has", integer("--threads", 1, 256)],
  backend: ["--backend <name>", BACKEND_CHOICES.join(" | "), choice("--backend", BACKEND_CHOICES)],
  precision: [
    "--precision <name>",
    "fp32 (default) | fp16: products of 16 bits, which is for GPUs",
    choice("--precision", PRECISIONS),
  ],
  distributed: [
    "--distributed <mode>",
    "auto (default: with the processes that mpirun or srun started) | mpi | none",
    choice("--distributed", DISTRIBUTED_MODES),
  ],
  json: ["--json", "one JSON object a line on stdout"],
} as const;
