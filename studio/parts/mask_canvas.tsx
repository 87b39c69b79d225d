// A picture, and over it a layer on which a part of it is painted.

import { useRef } from "preact/hooks";
import type { Pictures } from "../engine/messages.ts";
import { Picture } from "./picture.tsx";

/** Parts that need no pointer to be chosen: whether a pixel is of it, by its share of width and height. */
const PARTS = {
  "left half": (x: number) => x < 0.5,
  "lower half": (_: number, y: number) => y >= 0.5,
  middle: (x: number, y: number) => Math.abs(x - 0.5) < 0.25 && Math.abs(y - 0.5) < 0.25,
  nothing: () => false,
} as const satisfies Record<string, (x: number, y: number) => boolean>;

/** A brush's radius as a share of the width. */
const BRUSH = 0.08;

/** A byte for each pixel: 255 is kept, 0 is painted over. */
export type Mask = Uint8Array<ArrayBuffer>;

export function MaskCanvas({
  pictures,
  index,
  onPaint,
}: {
  readonly pictures: Pictures;
  readonly index: number;
  /** Told after each stroke. */
  readonly onPaint: (mask: Mask) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { width, height } = pictures;
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
  const tell = (): void =>
    draw((context) => {
      const { data } = context.getImageData(0, 0, width, height);
      onPaint(Uint8Array.from({ length: width * height }, (_, i) => (data[4 * i + 3] > 127 ? 0 : 255)));
    });
  const fill = (isIn: (x: number, y: number) => boolean): void => {
    draw((context) => {
      context.clearRect(0, 0, width, height);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) if (isIn(x / width, y / height)) context.fillRect(x, y, 1, 1);
      }
    });
    tell();
  };
  return (
    <>
      <div class="layers">
        <Picture pictures={pictures} index={index} label="the picture to paint on" />
        <canvas
          ref={canvas}
          class="mask"
          width={width}
          height={height}
          role="img"
          aria-label="what is drawn anew"
          onPointerDown={brush}
          onPointerMove={brush}
          onPointerUp={tell}
          onPointerLeave={({ buttons }) => buttons !== 0 && tell()}
        />
      </div>
      <div class="actions">
        {Object.entries(PARTS).map(([name, isIn]) => (
          <button key={name} type="button" onClick={() => fill(isIn)}>
            {name}
          </button>
        ))}
      </div>
    </>
  );
}
