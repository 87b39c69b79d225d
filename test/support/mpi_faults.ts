// Faults of ranks, and what is wrong with how a job ends then: test/distributed/ranks/fault.ts makes them.

import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type Job, type Launcher, startJob } from "./mpi_jobs.ts";

/** A rank is killed; stopped; in an endless loop; exits; throws. */
export const FAULTS = ["killed", "stopped", "endless", "left", "thrown"] as const;

export interface Fault {
  readonly kind: (typeof FAULTS)[number];
  readonly ranks: number;
  /** The rank that it happens to. */
  readonly culprit: number;
  /** Milliseconds after the ranks have joined. */
  readonly delay: number;
}

/** Seconds without a sign of life. */
export const TIMEOUT = 3;
/** Seconds that launchers take to end everything, on a busy machine. */
const PATIENCE = 15;

export interface FaultEnd {
  /** From the fault to the end of the job. */
  readonly seconds: number;
  /** What is not as it should be. */
  readonly problems: readonly string[];
  readonly output: string;
}

/** Runs a job until the fault ends it. */
export async function provoke(launcher: Launcher, fault: Fault): Promise<FaultEnd> {
  const { kind, ranks, culprit, delay } = fault;
  const job = startJob(launcher, ranks, ["fault.ts", kind, String(culprit), String(delay)], {
    IMAGO_MPI_TIMEOUT: String(TIMEOUT),
  });
  await job.until((stdout) => /^now$/m.test(stdout));
  const end = await judge(launcher, fault, job);
  const isMissed = !end.output.includes("now\n");
  return isMissed ? { ...end, problems: ["it never came to the fault", ...end.problems] } : end;
}

/** Which process each rank is, by the lines that ranks write. */
export const processesOf = (stdout: string): Map<number, number> =>
  new Map(
    [...stdout.matchAll(/^process (\d+) is rank (\d+)$/gm)].map(([, id, rank]) => [Number(rank), Number(id)]),
  );

/** Waits for the end of a job in which a fault happens now. */
export async function judge(
  launcher: Launcher,
  fault: Pick<Fault, "kind" | "culprit">,
  job: Job,
): Promise<FaultEnd> {
  const begun = performance.now();
  const { code, stdout, stderr } = await job.end;
  const seconds = (performance.now() - begun) / 1000;
  const said = stderr.split("\n").filter((line) => line.startsWith("imago: "));
  const waits = { killed: 0, stopped: TIMEOUT, endless: 3 * TIMEOUT, left: 0, thrown: 0 }[fault.kind];
  const problems = [
    ...(code === 0 ? ["the launcher's exit code is 0"] : []),
    ...(seconds > waits + PATIENCE ? [`it took ${seconds.toFixed(1)} s`] : []),
    ...(said.length > 1 ? [`there are ${said.length} lines: ${said.join("; ")}`] : []),
    ...(namesFault(launcher, fault, stdout + stderr) ? [] : ["no line names rank, host and cause"]),
    ...(await leftOf([...processesOf(stdout).values()])).map((id) => `process ${id} is still there`),
  ];
  return { seconds, problems, output: stdout + stderr };
}

function namesFault(
  { name }: Launcher,
  { kind, culprit }: Pick<Fault, "kind" | "culprit">,
  said: string,
): boolean {
  const rank = `rank ${culprit} on host ${hostname()}`;
  switch (kind) {
    case "killed":
      if (name === "Open MPI") return said.includes(`process rank ${culprit} `) && /on signal 9/.test(said);
      return said.includes(`imago: ${rank} was ended by signal 9\n`);
    case "stopped":
      return said.includes(`imago: ${rank} shows no sign of life for ${TIMEOUT} s\n`);
    case "endless":
      return said.includes(`imago: ${rank} has been busy for ${3 * TIMEOUT} s without handling events\n`);
    case "left":
      return said.includes(`imago: ${rank} exited with code 0 before the ranks' work was done\n`);
    case "thrown":
      return [": ", ": internal error: "].some((how) =>
        said.includes(`imago: ${rank}${how}the loss is not finite`),
      );
    default:
      return kind satisfies never;
  }
}

/** The processes that are still there after some seconds. */
async function leftOf(ids: readonly number[]): Promise<number[]> {
  let left = [...ids];
  for (let i = 0; left.length > 0 && i < 50; i++) {
    left = left.filter(isAlive);
    if (left.length > 0) await pause(100);
  }
  return left;
}

function isAlive(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch {
    return false;
  }
}
