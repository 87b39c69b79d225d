// Paints over a part of a picture, which is then drawn anew.

import { useState } from "preact/hooks";
import type { Pictures, Repaint } from "../engine/messages.ts";
import { type Mask, MaskCanvas } from "./mask_canvas.tsx";

export function MaskPainter({
  pictures,
  onPaint,
}: {
  readonly pictures: Pictures;
  readonly onPaint: (repaint: Repaint) => void;
}) {
  const [index, setIndex] = useState(0);
  const { width, height, count, rgba } = pictures;
  const [mask, setMask] = useState<Mask>(() => new Uint8Array(width * height).fill(255));
  const size = 4 * width * height;
  const paint = (): void => {
    const picture = { width, height, count: 1, rgba: rgba.slice(size * index, size * (index + 1)) };
    onPaint({ picture, mask });
  };
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
      <MaskCanvas pictures={pictures} index={Math.min(index, count - 1)} onPaint={setMask} />
      <div class="actions">
        <button type="button" class="main" onClick={paint}>
          draw it anew
        </button>
      </div>
    </details>
  );
}
