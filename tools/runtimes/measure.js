// Trains in whatever runs this file, Node, Bun, Deno or a page, and measures how fast.

/**
 * @param {typeof import("../../src/index.ts")} imago the built package
 * @param {{ preset: string, batchSize: number, seconds: number, threads?: number, out: string }} options measured for so
 *   many seconds, after as many in which the runtime compiles the kernels again and better
 * @returns {Promise<{ imagesPerSecond: number, fastest: number, steps: number, threads: number }>} from the median and the
 *   fastest step
 */
export async function measure(imago, { preset, batchSize, seconds, threads, out }) {
  const { model, scheduler, settings, size } = imago.PRESETS[preset];
  const trainer = new imago.Trainer({
    ...settings,
    model: new imago.UNet2DModel({ sampleSize: size, ...model }),
    scheduler: new imago.DDPMScheduler(scheduler),
    data: imago.synthetic({ size, count: 256 }),
    batchSize,
    steps: 1_000_000,
    sampleEvery: 0,
    checkpointEvery: 0,
    out,
    ...(threads !== undefined && { threads }),
  });
  const begun = [];
  let end = Number.POSITIVE_INFINITY;
  for await (const _ of trainer.run()) {
    const now = performance.now();
    if (begun.length === 0) end = now + 2000 * seconds;
    begun.push(now);
    if (now > end && begun.length > 5) trainer.stop();
  }
  // The last step also wrote a checkpoint.
  const steps = begun
    .slice(1, -1)
    .map((time, i) => ({ time, took: time - begun[i] }))
    .filter(({ time }) => time > end - 1000 * seconds)
    .map(({ took }) => took)
    .toSorted((a, b) => a - b);
  const rate = (milliseconds) => (1000 * batchSize) / milliseconds;
  return {
    imagesPerSecond: rate(steps[Math.floor(steps.length / 2)]),
    fastest: rate(steps[0]),
    steps: steps.length,
  };
}
