// Keeps a drawing: as a picture, and as what draws it again.

import { useState } from "preact/hooks";
import type { DrawRequest, Pictures } from "../engine/messages.ts";
import { about } from "../state.ts";
import { codeOf, commandOf } from "./again.ts";
import { download } from "./download.ts";

export function Save({ request, pictures }: { readonly request: DrawRequest; readonly pictures: Pictures }) {
  const [copied, setCopied] = useState<string | null>(null);
  const runsFolder = about.value?.runs ?? "runs";
  const texts = { command: commandOf(request, runsFolder), TypeScript: codeOf(request, runsFolder) };
  return (
    <div class="actions">
      <button type="button" onClick={() => save(pictures, "image/png", "drawing.png")}>
        save PNG
      </button>
      <button type="button" onClick={() => save(pictures, "image/webp", "drawing.webp")}>
        save WebP
      </button>
      {Object.entries(texts).map(([what, text]) =>
        text === undefined ? null : (
          <button
            key={what}
            type="button"
            onClick={async () => {
              await navigator.clipboard.writeText(text);
              setCopied(what);
            }}
          >
            {copied === what ? "copied" : `copy the ${what}`}
          </button>
        ),
      )}
    </div>
  );
}

/** One picture with all, as a download. */
function save({ width, height, count, rgba }: Pictures, type: string, name: string): void {
  const columns = Math.ceil(Math.sqrt(count));
  const canvas = document.createElement("canvas");
  canvas.width = columns * width;
  canvas.height = Math.ceil(count / columns) * height;
  const context = canvas.getContext("2d");
  const size = 4 * width * height;
  for (let i = 0; i < count; i++) {
    const image = new ImageData(rgba.slice(size * i, size * (i + 1)), width, height);
    context?.putImageData(image, (i % columns) * width, Math.floor(i / columns) * height);
  }
  canvas.toBlob((blob) => {
    if (blob !== null) download(blob, name);
  }, type);
}
