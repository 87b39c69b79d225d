// Faults in a training of several ranks, sent from outside: what is wrong with how the job ends, with what it leaves, and with
// the run that goes on from there.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { files } from "#platform";
import { type FaultEnd, judge, processesOf, TIMEOUT } from "./mpi_faults.ts";
import { type Job, type Launcher, startJob } from "./mpi_jobs.ts";
import { filesOf, numbersOf } from "./mpi_run_files.ts";
import { TINY_UNET } from "./tiny_unet.ts";

/** A rank is killed; stopped; throws out of an event. test/distributed/ranks/train_fault.ts throws at SIGURG. */
const SIGNALS = { killed: "SIGKILL", stopped: "SIGSTOP", thrown: "SIGURG" } as const;
export const TRAINING_FAULTS = ["killed", "stopped", "thrown"] as const;
/** Before the first step, mostly; in the steps; while a checkpoint is written. */
export const MOMENTS = ["starting", "computing", "writing"] as const;
/** A batch of 8 has equal shares for these. */
export const RANKS = [1, 2, 4] as const;

export interface TrainingFault {
  readonly kind: (typeof TRAINING_FAULTS)[number];
  readonly moment: (typeof MOMENTS)[number];
  readonly ranks: number;
  /** The rank that it happens to. */
  readonly culprit: number;
  /** Where within the moment, and at which step: 0 .. 1. */
  readonly where: number;
  /** The number of ranks that the run goes on with. */
  readonly later: number;
}

export interface TrainingFaultEnd extends FaultEnd {
  /** Steps that were recorded. */
  readonly steps: number;
  /** Whether something half written was left. */
  readonly isUnfinished: boolean;
}

const STEPS = 60;
const EVERY = 5;
const RECIPE = [
  ...["--preset", "quick32", "--size", "8", "--batch-size", "8", "--steps", String(STEPS)],
  ...["--checkpoint-every", String(EVERY), "--keep-checkpoints", String(STEPS / EVERY)],
  ...["--sample-every", "0", "--eval-every", "0"],
];
/** Milliseconds from the ranks' meeting to the first step, about, and of writing a checkpoint. */
const [START, WRITE] = [800, 30];

/** The files and numbers of a run. */
interface Left {
  readonly files: ReadonlyMap<string, string>;
  readonly numbers: readonly (readonly number[])[];
}

/** Runs of one recipe in a folder, one of them undisturbed. */
export class DisturbedRuns {
  readonly #folder: string;
  readonly #undisturbed: Left;
  #count = 0;

  private constructor(folder: string, undisturbed: Left) {
    this.#folder = folder;
    this.#undisturbed = undisturbed;
  }

  static async in(folder: string, launcher: Launcher): Promise<DisturbedRuns> {
    await writeFile(join(folder, "tiny.json"), JSON.stringify(TINY_UNET));
    const out = join(folder, "undisturbed");
    const { code, stderr } = await train(launcher, 1, folder, out).end;
    if (code !== 0) throw new Error(`the undisturbed run failed: ${stderr}`);
    return new DisturbedRuns(folder, await leftIn(out));
  }

  /** Begins a run, lets the fault end it, and goes on with it. A run that ended in time before the fault is left. */
  async disturb(launcher: Launcher, fault: TrainingFault): Promise<TrainingFaultEnd> {
    const out = join(this.#folder, `run-${++this.#count}`);
    const job = train(launcher, fault.ranks, this.#folder, out);
    let stdout = "";
    await job.until((said) => {
      stdout = said;
      return said.includes("compiling the training step");
    });
    await comes(fault, out);
    const culprit = processesOf(stdout).get(fault.culprit);
    if (culprit === undefined) throw new Error(`rank ${fault.culprit} has not begun: ${stdout}`);
    const isMissed = !send(culprit, SIGNALS[fault.kind]);
    if (isMissed && (await job.end).code === 0) return this.disturb(launcher, fault);
    const end = await judge(launcher, fault, job);
    const [steps, isUnfinished] = [stepsOf(out), unfinishedIn(out)];
    const damaged = await this.#damagedIn(out);
    const resumed = await this.#goOn(launcher, fault.later, out);
    const problems = [
      ...(isMissed ? ["it had failed before the fault"] : []),
      ...[...end.problems, ...damaged, ...resumed.problems],
    ];
    return { ...end, problems, steps, isUnfinished, output: end.output + resumed.output };
  }

  /** Checkpoints that are not those of the undisturbed run. */
  async #damagedIn(out: string): Promise<string[]> {
    const checkpoints = join(out, "checkpoints");
    const names = existsSync(checkpoints) ? await readdir(checkpoints) : [];
    const damaged: string[] = [];
    for (const name of names.filter((one) => one.startsWith("step-"))) {
      const expected = within(this.#undisturbed.files, `/checkpoints/${name}`);
      if (!isSame(await filesOf(join(checkpoints, name)), expected)) damaged.push(`${name} is damaged`);
    }
    return damaged;
  }

  async #goOn(
    launcher: Launcher,
    ranks: number,
    out: string,
  ): Promise<Pick<FaultEnd, "problems" | "output">> {
    const isBegun = existsSync(join(out, "config.json"));
    const { code, stdout, stderr } = await train(
      launcher,
      ranks,
      this.#folder,
      out,
      isBegun ? ["--resume"] : [],
    ).end;
    const output = stdout + stderr;
    if (code !== 0) return { problems: [`it does not go on with ${ranks}`], output };
    const { files: contents, numbers } = await leftIn(out);
    const problems = [
      ...(isSame(contents, this.#undisturbed.files)
        ? []
        : [`it left other files after it went on with ${ranks}`]),
      ...(JSON.stringify(numbers) === JSON.stringify(this.#undisturbed.numbers)
        ? []
        : ["it has other losses"]),
      ...(unfinishedIn(out) ? ["something unfinished is still there"] : []),
    ];
    return { problems, output };
  }
}

function train(
  launcher: Launcher,
  ranks: number,
  folder: string,
  out: string,
  more: readonly string[] = [],
): Job {
  const model = ["--model", join(folder, "tiny.json")];
  return startJob(launcher, ranks, ["train_fault.ts", "train", ...RECIPE, ...model, "--out", out, ...more], {
    IMAGO_MPI_TIMEOUT: String(TIMEOUT),
  });
}

/** Waits for the moment of a fault, in a job whose ranks have met. */
async function comes({ moment, where }: TrainingFault, out: string): Promise<void> {
  if (moment === "starting") return pause(where * START);
  const from = 1 + Math.floor(where * (STEPS - 2 * EVERY));
  const begun = performance.now();
  const isLate = () => performance.now() - begun > 60_000;
  while (stepsOf(out) < from && !isLate()) await pause(2);
  if (moment === "computing") return;
  while (!unfinishedIn(out) && !isLate()) await turn();
  await pause(((where * STEPS) % 1) * WRITE);
}

/** Steps in the metrics. */
function stepsOf(out: string): number {
  const file = join(out, "metrics.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
}

/** Whether a checkpoint is half written there. */
function unfinishedIn(out: string): boolean {
  const folder = join(out, "checkpoints");
  return existsSync(folder) && readdirSync(folder).some(files.isLeftover);
}

function send(id: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(id, signal);
  } catch {
    return false;
  }
}

const leftIn = async (out: string): Promise<Left> => ({
  files: await filesOf(out),
  numbers: await numbersOf(out),
});

/** The files in a folder of a run. */
const within = (all: Left["files"], folder: string): Map<string, string> =>
  new Map(
    [...all]
      .filter(([path]) => path.startsWith(`${folder}/`))
      .map(([path, content]) => [path.slice(folder.length), content]),
  );

const isSame = (a: Left["files"], b: Left["files"]): boolean =>
  a.size === b.size && [...a].every(([path, content]) => b.get(path) === content);
