// Layers of a random graph, composed of several ops.

import type { Tensor } from "../../../src/engine/tensor.ts";
import { averagePool2x2 } from "../../../src/nn/downsample_2d.ts";
import { GroupNorm } from "../../../src/nn/group_norm.ts";
import { averagePool3x3, maxPool3x3, maxPool3x3Stride2 } from "../../../src/nn/pool_2d.ts";
import { nearestUpsample2x } from "../../../src/nn/upsample_2d.ts";
import type { Draft } from "./draft.ts";

function image(draft: Draft, channels: number): Tensor {
  const { dice } = draft;
  return draft.operand([dice.whole(1, 3), 2 * dice.whole(1, 5), 2 * dice.whole(1, 5), channels]);
}

export function groupNorm(draft: Draft): void {
  const { dice } = draft;
  const groups = dice.whole(1, 4);
  const channels = groups * dice.whole(1, 8);
  const norm = new GroupNorm({ groups, channels, eps: dice.pick([1e-5, 1e-2]) });
  for (const { tensor } of norm.namedParameters().values()) draft.variable(tensor);
  const y = norm.forward(image(draft, channels));
  draft.keep(dice.chance(0.5) ? y.mul(y.sigmoid()) : y, 8);
}

export function pooling(draft: Draft): void {
  const { dice } = draft;
  const x = image(draft, draft.dice.whole(1, 9));
  const large = x.shape[1] >= 4 && x.shape[2] >= 4;
  const pools = [averagePool2x2, nearestUpsample2x];
  draft.keep(dice.pick(large ? [...pools, averagePool3x3, maxPool3x3, maxPool3x3Stride2] : pools)(x), 4);
}

export function softmax(draft: Draft): void {
  const x = draft.any();
  if (x.shape.length === 0) return;
  const axis = [draft.dice.whole(0, x.shape.length - 1)];
  const e = x.sub(x.max(axis, true).detach()).exp();
  draft.keep(e.div(e.sum(axis, true)), 1);
}
