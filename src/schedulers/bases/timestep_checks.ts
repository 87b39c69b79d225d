// Checks of the timesteps and sigmas given to a scheduler.

/**
 * Checks a number of steps.
 * @throws RangeError unless it is whole, 1 .. numTrainTimesteps
 */
export function stepCount(className: string, steps: number, numTrainTimesteps: number): number {
  if (!Number.isInteger(steps) || steps < 1 || steps > numTrainTimesteps) {
    throw new RangeError(
      `${className}: numInferenceSteps is ${steps}, expected a whole number, 1 .. ${numTrainTimesteps}`,
    );
  }
  return steps;
}

/**
 * Checks custom timesteps.
 * @throws RangeError unless they are whole, descending and below numTrainTimesteps
 */
export const givenTimesteps = (
  className: string,
  timesteps: readonly number[],
  numTrainTimesteps: number,
): readonly number[] =>
  descending(
    className,
    timesteps,
    (timestep) => Number.isInteger(timestep) && timestep >= 0 && timestep < numTrainTimesteps,
    `whole numbers, 0 .. ${numTrainTimesteps - 1}`,
  );

/**
 * Checks custom timesteps of a scheduler whose timesteps may be fractional.
 * @throws RangeError unless they are finite, descending, above 0 and at most numTrainTimesteps
 */
export const givenFractionalTimesteps = (
  className: string,
  timesteps: readonly number[],
  numTrainTimesteps: number,
): readonly number[] =>
  descending(
    className,
    timesteps,
    (timestep) => timestep > 0 && timestep <= numTrainTimesteps,
    `numbers above 0, up to ${numTrainTimesteps}`,
  );

/** What is wrong with custom timesteps where the options space the sigmas. */
export const timestepsWithSpacing = (className: string, others = ""): RangeError =>
  new RangeError(
    `${className}: custom timesteps do not go with a spacing of sigmas (useKarrasSigmas and the like)${others}; give one of them`,
  );

function descending(
  className: string,
  timesteps: readonly number[],
  isAllowed: (timestep: number) => boolean,
  allowed: string,
): readonly number[] {
  const fail = (what: string) => new RangeError(`${className}: custom timesteps ${what}`);
  if (timesteps.length === 0) throw fail("are empty, expected at least one");
  for (const [i, timestep] of timesteps.entries()) {
    if (!isAllowed(timestep)) throw fail(`hold ${timestep}, expected ${allowed}`);
    if (i > 0 && timestep >= timesteps[i - 1]) {
      throw fail(`go from ${timesteps[i - 1]} to ${timestep}, expected descending order`);
    }
  }
  return timesteps.slice();
}

/**
 * Checks custom noise levels; the last one is where the last step ends.
 * @throws RangeError unless they are at least two, finite, descending, at most `most`, and above 0 except for the last
 */
export function givenSigmas(
  className: string,
  sigmas: readonly number[],
  most = Number.POSITIVE_INFINITY,
): readonly number[] {
  const fail = (what: string) => new RangeError(`${className}: custom sigmas ${what}`);
  if (sigmas.length < 2) throw fail(`are ${sigmas.length}, expected at least a start and an end`);
  for (const [i, sigma] of sigmas.entries()) {
    const isLast = i === sigmas.length - 1;
    if (!Number.isFinite(sigma) || sigma < 0 || (sigma === 0 && !isLast)) {
      throw fail(`hold ${sigma} at ${i}, expected numbers above 0, and 0 only at the end`);
    }
    if (sigma > most) throw fail(`hold ${sigma} at ${i}, expected at most ${most}`);
    if (i > 0 && sigma >= sigmas[i - 1]) {
      throw fail(`go from ${sigmas[i - 1]} to ${sigma}, expected descending order`);
    }
  }
  return sigmas.slice();
}

/**
 * Checks that the model knows all spaced timesteps.
 * @throws RangeError when stepsOffset has moved them past the last timestep
 */
export function withinTraining(
  className: string,
  timesteps: readonly number[],
  numTrainTimesteps: number,
  stepsOffset: number,
): readonly number[] {
  if (timesteps[0] >= numTrainTimesteps) {
    throw new RangeError(
      `${className}: ${timesteps.length} steps with stepsOffset ${stepsOffset} start at timestep ${timesteps[0]}, ` +
        `past the last, ${numTrainTimesteps - 1}: use a smaller stepsOffset or fewer steps`,
    );
  }
  return timesteps;
}
