// Paints over a part of a picture, which is then drawn anew.

import { useRef, useState } from "preact/hooks";
import type { Pictures, Repaint } from "../engine/messages.ts";
import { Picture } from "./picture.tsx";

/** Parts that need no pointer to be chosen: whether a pixel is of it, by its share of width and height. */
const PARTS = {
  "left half": (x: number) => x < 0.5,
  "lower half": (_: number, y: number) => y >= 0.5,
  middle: (x: number, y: number) => Math.abs(x - 0.5) < 0.25 && Math.abs(y - 0.5) < 0.25,
} as const satisfies Record<string, (x: number, y: number) => boolean>;

/** A brush's radius as a share of the width. */
const BRUSH = 0.08;

export function MaskPainter({
  pictures,
  onPaint,
}: {
  readonly pictures: Pictures;
  readonly onPaint: (repaint: Repaint) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [index, setIndex] = useState(0);
  const { width, height, count, rgba } = pictures;
  const size = 4 * width * height;
  const draw = (paint: (context: CanvasRenderingContext2D) => void): void => {
    const context = canvas.current?.getContext("2d");
    if (context === null || context === undefined) return;
    context.fillStyle = "#7a5af5";
    paint(context);
  };
  const brush = ({ buttons, offsetX, offsetY }: PointerEvent): void => {
    const { current } = canvas;
    if (current === null || buttons === 0) return;
    const scale = width / current.clientWidth;
    draw((context) => {
      context.beginPath();
      context.arc(offsetX * scale, offsetY * scale, BRUSH * width, 0, 2 * Math.PI);
      context.fill();
    });
  };
  const fill = (isIn: (x: number, y: number) => boolean): void =>
    draw((context) => {
      context.clearRect(0, 0, width, height);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) if (isIn(x / width, y / height)) context.fillRect(x, y, 1, 1);
      }
    });
  const paint = (): void =>
    draw((context) => {
      const { data } = context.getImageData(0, 0, width, height);
      const mask = Uint8Array.from({ length: width * height }, (_, i) => (data[4 * i + 3] > 127 ? 0 : 255));
      const picture = { width, height, count: 1, rgba: rgba.slice(size * index, size * (index + 1)) };
      onPaint({ picture, mask });
    });
  return (
    <details class="painter">
      <summary>draw a part anew</summary>
      <label>
        picture
        <select value={index} onChange={({ currentTarget }) => setIndex(Number(currentTarget.value))}>
          {Array.from({ length: count }, (_, i) => (
            <option key={i} value={i}>
              {i + 1}
            </option>
          ))}
        </select>
      </label>
      <div class="layers">
        <Picture pictures={pictures} index={Math.min(index, count - 1)} label="the picture to paint on" />
        <canvas
          ref={canvas}
          class="mask"
          width={width}
          height={height}
          role="img"
          aria-label="what is drawn anew"
          onPointerDown={brush}
          onPointerMove={brush}
        />
      </div>
      <div class="actions">
        {Object.entries(PARTS).map(([name, isIn]) => (
          <button key={name} type="button" onClick={() => fill(isIn)}>
            {name}
          </button>
        ))}
        <button type="button" onClick={() => fill(() => false)}>
          nothing
        </button>
        <button type="button" class="main" onClick={paint}>
          draw it anew
        </button>
      </div>
    </details>
  );
}
