// Ranks as processes, started by MPI's launchers. Tests that need a launcher are skipped, by name, where there is none, unless
// IMAGO_NEEDS_MPI is set.

import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe } from "vitest";

/** A launcher of this machine. */
export interface Launcher {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const LAUNCHERS: readonly Launcher[] = [
  // As root, and with more ranks than cores, Open MPI starts nothing without being told to.
  { name: "Open MPI", command: "mpirun.openmpi", args: ["--allow-run-as-root", "--oversubscribe"] },
  { name: "MPICH", command: "mpirun.mpich", args: [] },
];

const isThere = ({ command }: Launcher): boolean => spawnSync(command, ["--version"]).status === 0;
const launchers = LAUNCHERS.filter(isThere);
const missing = LAUNCHERS.filter((launcher) => !launchers.includes(launcher));

if (process.env.IMAGO_NEEDS_MPI !== undefined && missing.length > 0)
  throw new Error(
    `IMAGO_NEEDS_MPI is set, and there is no ${missing.map(({ command }) => command).join(", ")}`,
  );

/** A group of tests for each launcher; skipped, by name, where it is absent. */
export function describeMpi(name: string, tests: (launcher: Launcher) => void): void {
  for (const { name: launcher, command } of missing)
    describe.skip(`${name}, ${launcher} (skipped: there is no ${command})`, () => {});
  for (const launcher of launchers) describe(`${name}, ${launcher.name}`, () => tests(launcher));
}

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
  /** Resolves with the line when the job has written one that starts so. */
  line(start: string): Promise<string>;
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
    env: { ...process.env, ...launcher.environment, ...environment },
  });
  const output = { stdout: "", stderr: "" };
  const waiting: (() => void)[] = [];
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      for (const look of waiting) look();
    });
  const end = new Promise<JobEnd>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output, seconds: (performance.now() - begun) / 1000 }));
  });
  return {
    end,
    line: (start) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const line = output.stdout
            .split("\n")
            .slice(0, -1)
            .find((one) => one.startsWith(start));
          if (line !== undefined) resolve(line);
        };
        waiting.push(look);
        look();
        end.then(
          () => reject(new Error(`the job ended without a line "${start}": ${output.stderr}`)),
          reject,
        );
      }),
  };
}
