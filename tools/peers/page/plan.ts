// Which operations are measured, and how often.

/** [N, H, W, Ci] */
type ImageShape = readonly [number, number, number, number];

/** A product of two square matrices, or a convolution of 3 x 3 with zeros around the image. */
export type Operation =
  | { readonly kind: "product"; readonly size: number }
  | {
      readonly kind: "convolution";
      readonly image: ImageShape;
      readonly co: number;
      /** Whether both gradients are computed too. */
      readonly gradients: boolean;
    };

export interface Plan {
  readonly operations: readonly Operation[];
  /** Rounds that are timed: at most, and at least even when `seconds` are over. */
  readonly rounds: number;
  readonly leastRounds: number;
  /** For the rounds of one operation. */
  readonly seconds: number;
  /** Calls follow one another until they have this many floating-point operations, so that the wait weighs little. */
  readonly flops: number;
  readonly mostCalls: number;
}

const convolution = (image: ImageShape, co: number): Operation[] =>
  [false, true].map((gradients) => ({ kind: "convolution", image, co, gradients }));

export const WHOLE: Plan = {
  operations: [
    ...[256, 512, 1024, 2048, 4096].map((size): Operation => ({ kind: "product", size })),
    ...convolution([16, 32, 32, 128], 128),
    ...convolution([16, 16, 16, 256], 256),
    ...convolution([4, 128, 128, 128], 128),
  ],
  rounds: 9,
  leastRounds: 3,
  seconds: 30,
  flops: 5e10,
  mostCalls: 16,
};

/** For a GPU that the processor plays. */
export const DRY: Plan = {
  operations: [{ kind: "product", size: 48 }, ...convolution([2, 10, 8, 12], 16)],
  rounds: 2,
  leastRounds: 2,
  seconds: 30,
  flops: 5e10,
  mostCalls: 2,
};

/** A multiply-add counts as two; each gradient of a convolution costs what the convolution does. */
export function flopsOf(operation: Operation): number {
  if (operation.kind === "product") return 2 * operation.size ** 3;
  const { image, co, gradients } = operation;
  const [n, h, w, ci] = image;
  return (gradients ? 3 : 1) * 2 * n * h * w * 9 * ci * co;
}

export const callsOf = (operation: Operation, { flops, mostCalls }: Plan): number =>
  Math.min(mostCalls, Math.ceil(flops / flopsOf(operation)));

export function nameOf(operation: Operation): string {
  if (operation.kind === "product") return `product ${operation.size}`;
  const { image, co, gradients } = operation;
  return `convolution 3x3, [${image.join(", ")}] to ${co}${gradients ? ", with both gradients" : ""}`;
}
