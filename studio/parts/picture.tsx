// One of several pictures, on a canvas.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { Pictures } from "../engine/messages.ts";

export function Picture({
  pictures,
  index,
  label,
}: {
  readonly pictures: Pictures;
  readonly index: number;
  readonly label: string;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height, rgba } = pictures;
  // With its label: whoever reads that finds the picture there.
  useLayoutEffect(() => {
    const size = 4 * width * height;
    const data = new ImageData(rgba.slice(size * index, size * (index + 1)), width, height);
    canvas.current?.getContext("2d")?.putImageData(data, 0, 0);
  }, [rgba, index]);
  return <canvas ref={canvas} class="picture" width={width} height={height} role="img" aria-label={label} />;
}
