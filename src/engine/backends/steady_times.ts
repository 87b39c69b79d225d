// How often a yardstick is timed. Other work on the machine can only slow it down, so a speed that several runs agree
// on is the machine's.

const LEAST_RUNS = 5;
const MOST_RUNS = 100;
const MOST_SECONDS = 1;
/** Stop when this many of the fastest runs are this close together. */
const AGREEING = 3;
const NEAR = 1.03;

/** Seconds of each run of `time`, repeated until the fastest agree or the time limit is reached. */
export async function repeatUntilSteady(time: () => Promise<number>): Promise<number[]> {
  const seconds: number[] = [];
  let total = 0;
  while (seconds.length < LEAST_RUNS || (!agree(seconds) && total < MOST_SECONDS)) {
    const taken = await time();
    seconds.push(taken);
    total += taken;
    if (seconds.length === MOST_RUNS) break;
  }
  return seconds;
}

function agree(seconds: readonly number[]): boolean {
  const fastest = seconds.toSorted((a, b) => a - b);
  return fastest[AGREEING - 1] <= fastest[0] * NEAR;
}
