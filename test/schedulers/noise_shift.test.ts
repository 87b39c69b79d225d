// A shifted schedule against the definition: the signal-to-noise ratio over shift².

import { describe, expect, test } from "vitest";
import { DDPMScheduler, FlowMatchEulerDiscreteScheduler, shiftNoise } from "../../src/schedulers/index.ts";

describe.each([
  ["linear", false],
  ["squaredcos_cap_v2", false],
  ["squaredcos_cap_v2", true],
] as const)("betas %s, zero terminal SNR %s", (betaSchedule, rescaleBetasZeroSnr) => {
  const plain = new DDPMScheduler({ betaSchedule, rescaleBetasZeroSnr, predictionType: "sample" });

  test.each([0.5, 2, 4])("shifted by %f", (shift) => {
    const shifted = shiftNoise(plain, shift);
    const last = plain.numTrainTimesteps - 1;
    for (const t of [0, 1, 10, 250, 500, 900, last]) {
      const [ofPlain, ofShifted] = [plain, shifted].map(({ alphasCumprod }) => alphasCumprod[t]);
      const expected = ofPlain / (ofPlain + shift ** 2 * (1 - ofPlain));
      // A float32 product of rounded betas; the shift multiplies its error by up to shift² or 1 / shift².
      expect(Math.abs(ofShifted - expected)).toBeLessThan(2e-7 * Math.max(shift, 1 / shift) ** 2);
    }
    expect({ ...shifted.config, trainedBetas: null }).toEqual(plain.config);
    // What a file keeps of it is the same schedule.
    expect(DDPMScheduler.fromConfig(shifted.toConfig()).alphasCumprod).toEqual(shifted.alphasCumprod);
  });
});

test("a flow is shifted by its own option", () => {
  const flow = shiftNoise(new FlowMatchEulerDiscreteScheduler({ shift: 3 }), 2);
  expect(flow.config.shift).toBe(6);
});

test("a shift of 1 changes nothing, one that is no number above 0 is refused", () => {
  const plain = new DDPMScheduler();
  expect(shiftNoise(plain, 1)).toBe(plain);
  for (const shift of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => shiftNoise(plain, shift)).toThrow("expected a number above 0");
  }
});
