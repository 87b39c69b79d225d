// Which launcher started this process, by the environment that it sets.

type Environment = Readonly<Record<string, string | undefined>>;

/** A family of MPI libraries that understand one kind of launcher. */
export type MpiFamily = "openmpi" | "mpich";

/** How a launcher started this process. */
export interface Launch {
  /** What it is called in messages. */
  readonly name: string;
  /** The libraries that belong to it; undefined if it starts both kinds. */
  readonly family: MpiFamily | undefined;
  /** The number of processes, if it says. */
  readonly size: number | undefined;
  /** Whether it says which rank was killed, not only which process. */
  readonly tellsRanks: boolean;
}

interface Launcher {
  readonly name: string;
  readonly family: MpiFamily | undefined;
  /** Set by this launcher, and by none above it in the table. */
  readonly marks: readonly string[];
  /** Where the number of processes stands. */
  readonly size: string | undefined;
}

const HYDRA: Launcher = {
  name: "the mpirun of MPICH or Intel MPI",
  family: "mpich",
  marks: ["HYDI_CONTROL_FD", "MPI_LOCALNRANKS"],
  size: "PMI_SIZE",
};

/**
 * From the most telling to the least: a launcher of MPI may itself use Slurm's to reach other machines, and then the
 * variables of both are there.
 */
const LAUNCHERS: readonly Launcher[] = [
  {
    name: "Open MPI's mpirun",
    family: "openmpi",
    marks: ["OMPI_COMM_WORLD_SIZE"],
    size: "OMPI_COMM_WORLD_SIZE",
  },
  HYDRA,
  // Slurm's processes have PMI's or PMIx's variables, too, as its --mpi says; both kinds of libraries may read them.
  { name: "Slurm's srun", family: undefined, marks: ["SLURM_STEP_NUM_TASKS"], size: "SLURM_STEP_NUM_TASKS" },
  { name: "a launcher with PMI", family: "mpich", marks: ["PMI_RANK", "PMI_SIZE"], size: "PMI_SIZE" },
  { name: "a launcher with PMIx", family: undefined, marks: ["PMIX_RANK"], size: undefined },
];

/** The launcher that started this process; undefined if none did. */
export function launchOf(environment: Environment): Launch | undefined {
  const launcher = LAUNCHERS.find(({ marks }) => marks.some((mark) => environment[mark] !== undefined));
  if (launcher === undefined) return undefined;
  const { name, family, size } = launcher;
  const tellsRanks = launcher !== HYDRA;
  return { name, family, size: size === undefined ? undefined : count(environment[size]), tellsRanks };
}

/** A number of processes; undefined if the text is none. */
function count(text: string | undefined): number | undefined {
  const value = /^\d{1,7}$/.test(text ?? "") ? Number(text) : 0;
  return value > 0 ? value : undefined;
}
