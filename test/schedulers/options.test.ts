// Everything derived from the declaration of an option.

import * as v from "valibot";
import { describe, expect, it } from "vitest";
import {
  defaultsOf,
  float,
  option,
  optionTable,
  readConfig,
  resolveOptions,
  withDefaults,
} from "../../src/schedulers/bases/options.ts";
import { schedulerFloatKeys } from "../../src/schedulers/index.ts";

const group = { steps: option(v.number(), 4), rho: float(v.nullable(v.number()), null) };

describe("a declared option", () => {
  it("is checked, has its default and its place among the names", () => {
    const table = optionTable("Example", { ...group, isOn: option(v.boolean(), true) });
    expect(resolveOptions(table, { rho: 2 })).toEqual({ steps: 4, rho: 2, isOn: true });
    expect(() => resolveOptions(table, { isOn: 1 })).toThrow("Example: isOn is 1, expected boolean");
    expect(() => readConfig(table, { is_on: 1 })).toThrow("Example: is_on is 1, expected boolean");
    expect(() => resolveOptions(table, { on: true })).toThrow("its options are steps, rho, isOn");
  });

  it("has another default in a class that says so, and only there", () => {
    const changed = withDefaults(group, { rho: 3 });
    expect(Object.entries(defaultsOf(changed))).toEqual([
      ["steps", 4],
      ["rho", 3],
    ]);
    expect(defaultsOf(group)).toEqual({ steps: 4, rho: null });
    // @ts-expect-error: a default is of the option's type
    withDefaults(group, { steps: "4" });
    // @ts-expect-error: a default is of an option that there is
    withDefaults(group, { step: 4 });
  });

  it("is written as a float where Python has one", () => {
    expect([...schedulerFloatKeys].sort()).toEqual([
      "base_shift",
      "beta_end",
      "beta_start",
      "clip_sample_range",
      "dynamic_thresholding_ratio",
      "flow_shift",
      "lambda_min_clipped",
      "max_shift",
      "rho",
      "s_noise",
      "sample_max_value",
      "sampling_eps",
      "shift",
      "shift_terminal",
      "sigma_data",
      "sigma_max",
      "sigma_min",
      "snr",
      "timestep_scaling",
      "trained_betas",
    ]);
  });
});
