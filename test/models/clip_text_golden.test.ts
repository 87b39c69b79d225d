// CLIP's text models against transformers: outputs, loss, and the gradient of every parameter.

import { describe, test } from "vitest";
import { CLIPTextModel, CLIPTextModelWithProjection } from "../../src/models/clip_text_model.ts";
import { backends } from "../support/backends.ts";
import { readGolden, readJsonFixture } from "../support/golden.ts";
import { expectGoldenModel, modelErrors } from "../support/golden_model.ts";

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(["clip_text_quick_gelu", "clip_text_old_end", "clip_text_projection"])(
    "%s gives transformers' outputs and gradients",
    async (name) => {
      const golden = await readGolden(`stable_diffusion/${name}.safetensors`);
      const config = await readJsonFixture(`stable_diffusion/${name}.config.json`);
      const backend = await create();
      try {
        const isProjected = golden.has("output.textEmbeds");
        const model = isProjected
          ? CLIPTextModelWithProjection.fromConfig(config)
          : CLIPTextModel.fromConfig(config);
        const errors = await modelErrors(
          golden,
          model,
          ({ inputIds }) => {
            const { hiddenStates, lastHiddenState, ...rest } = model.forward(inputIds);
            const { poolerOutput, ...projected } = rest;
            const penultimate = hiddenStates[hiddenStates.length - 2];
            return { lastHiddenState, penultimate, ...(isProjected ? projected : { poolerOutput }) };
          },
          backend,
        );
        expectGoldenModel(errors, tolerance);
      } finally {
        await backend.close();
      }
    },
  );
});
