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
  /** This process's number, if it says. */
  readonly rank: number | undefined;
  /** Whether it says which rank was killed, not only which process. */
  readonly tellsRanks: boolean;
}

interface Launcher extends Pick<Launch, "name" | "family" | "tellsRanks"> {
  /** Variables that this launcher sets, and none above it in the table: one of them is there. */
  readonly marks: readonly string[];
  /** The variables of the number of processes and of this one's. */
  readonly size?: string;
  readonly rank: string;
}

/**
 * From the most telling to the least: a launcher of MPI may itself use Slurm's to reach other machines, and then the
 * variables of both are there.
 */
const LAUNCHERS: readonly Launcher[] = [
  {
    name: "Open MPI's mpirun",
    family: "openmpi",
    tellsRanks: true,
    marks: ["OMPI_COMM_WORLD_SIZE"],
    size: "OMPI_COMM_WORLD_SIZE",
    rank: "OMPI_COMM_WORLD_RANK",
  },
  {
    name: "the mpirun of MPICH or Intel MPI",
    family: "mpich",
    tellsRanks: false,
    marks: ["HYDI_CONTROL_FD", "MPI_LOCALNRANKS"],
    size: "PMI_SIZE",
    rank: "PMI_RANK",
  },
  {
    // Its processes have PMI's or PMIx's variables, too, as --mpi says; libraries of both families may read them.
    name: "Slurm's srun",
    family: undefined,
    tellsRanks: true,
    marks: ["SLURM_STEP_NUM_TASKS"],
    size: "SLURM_STEP_NUM_TASKS",
    rank: "SLURM_PROCID",
  },
  {
    name: "a launcher with PMI",
    family: "mpich",
    tellsRanks: false,
    marks: ["PMI_RANK", "PMI_SIZE"],
    size: "PMI_SIZE",
    rank: "PMI_RANK",
  },
  {
    name: "a launcher with PMIx",
    family: undefined,
    tellsRanks: false,
    marks: ["PMIX_RANK"],
    rank: "PMIX_RANK",
  },
];

/** The launcher that started this process; undefined if none did. */
export function launchOf(environment: Environment): Launch | undefined {
  const launcher = LAUNCHERS.find(({ marks }) => marks.some((mark) => environment[mark] !== undefined));
  if (launcher === undefined) return undefined;
  const { name, family, tellsRanks } = launcher;
  const size = launcher.size === undefined ? undefined : numberIn(environment[launcher.size]);
  const rank = numberIn(environment[launcher.rank]);
  return { name, family, tellsRanks, size: size === 0 ? undefined : size, rank };
}

/** A number of processes; undefined if the text is none. */
const numberIn = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : undefined;
