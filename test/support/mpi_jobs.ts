// Jobs of several ranks, each a process, started by MPI's launchers.

import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What starts a job. */
export interface Launcher {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What it passes on to the ranks, and then waits for their end. */
  readonly stop: NodeJS.Signals;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Those of Debian's packages openmpi-bin and mpich. */
export const LAUNCHERS: readonly Launcher[] = [
  // As root, and with more ranks than cores, Open MPI starts nothing without being told to.
  {
    name: "Open MPI",
    command: "mpirun.openmpi",
    args: ["--allow-run-as-root", "--oversubscribe"],
    stop: "SIGUSR2",
  },
  { name: "MPICH", command: "mpirun.mpich", args: [], stop: "SIGINT" },
];

/** Whether this machine has it. */
export const isThere = ({ command }: Launcher): boolean => spawnSync(command, ["--version"]).status === 0;

/** Jobs take some seconds. */
const HANGS_AFTER_MS = 100_000;

/** How a job ended. */
export interface JobEnd {
  /** The launcher's exit code. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start to the end. */
  readonly seconds: number;
}

/** A job under way. */
export interface Job {
  readonly end: Promise<JobEnd>;
  /** Resolves when this is true of what the job has written to stdout, or it has ended. */
  until(isSaid: (stdout: string) => boolean): Promise<void>;
  /** Sends the launcher a signal. */
  signal(name: NodeJS.Signals): void;
}

/**
 * Starts a script of test/distributed/ranks/ on several ranks.
 * @param args of the script
 */
export function startJob(
  launcher: Launcher,
  ranks: number,
  [script, ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Job {
  const file = fileURLToPath(new URL(`../distributed/ranks/${script}`, import.meta.url));
  const begun = performance.now();
  const launch = [...launcher.args, "-n", String(ranks), process.execPath, file, ...args];
  const child = spawn(launcher.command, launch, {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: HANGS_AFTER_MS,
    env: { ...process.env, ...launcher.environment, ...environment },
  });
  const output = { stdout: "", stderr: "" };
  const listeners: (() => void)[] = [];
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      for (const listen of listeners) listen();
    });
  const end = new Promise<JobEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output, seconds: (performance.now() - begun) / 1000 }));
  });
  return {
    end,
    signal: (name) => void child.kill(name),
    until: (isSaid) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (isSaid(output.stdout)) resolve();
        };
        listeners.push(look);
        look();
        end.then(() => resolve(), reject);
      }),
  };
}
