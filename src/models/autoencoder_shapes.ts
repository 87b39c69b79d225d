// The shapes that autoencoders take.

import { ShapeError, showShape } from "../engine/shape.ts";
import type { Tensor } from "../engine/tensor.ts";

/** What the shapes depend on. */
interface Coder {
  readonly className: string;
  readonly sizeFactor: number;
}

/** @throws ShapeError unless the images are [N, H, W, channels], with sides that are multiples of the size factor */
export function checkImages({ className, sizeFactor }: Coder, { shape }: Tensor, channels: number): void {
  const [, h, w, c] = shape;
  if (shape.length === 4 && c === channels && h % sizeFactor === 0 && w % sizeFactor === 0) return;
  throw new ShapeError(
    `${className}: wants images [N, H, W, ${channels}] with H and W multiples of ${sizeFactor}, got ${showShape(shape)}`,
  );
}

/** @throws ShapeError unless the latents are [N, h, w, channels] */
export function checkLatents(
  { className }: Pick<Coder, "className">,
  { shape }: Tensor,
  channels: number,
): void {
  if (shape.length === 4 && shape[3] === channels) return;
  throw new ShapeError(`${className}: wants latents [N, h, w, ${channels}], got ${showShape(shape)}`);
}
