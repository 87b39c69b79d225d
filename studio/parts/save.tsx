// Keeps a drawing: as a picture, and as what draws it again.

import { useState } from "preact/hooks";
import type { DrawRequest, Pictures } from "../engine/messages.ts";
import { about } from "../state.ts";

export function Save({ request, pictures }: { readonly request: DrawRequest; readonly pictures: Pictures }) {
  const [isCopied, setCopied] = useState<string | null>(null);
  const copy = async (what: string, text: string): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(what);
  };
  return (
    <div class="actions">
      <button type="button" onClick={() => save(pictures, "image/png", "drawing.png")}>
        save PNG
      </button>
      <button type="button" onClick={() => save(pictures, "image/webp", "drawing.webp")}>
        save WebP
      </button>
      {/* What this browser keeps, no command reads. */}
      {!request.source.startsWith("/") && (
        <button type="button" onClick={() => copy("command", commandOf(request))}>
          {isCopied === "command" ? "copied" : "copy the command"}
        </button>
      )}
      <button type="button" onClick={() => copy("code", codeOf(request))}>
        {isCopied === "code" ? "copied" : "copy TypeScript"}
      </button>
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
    if (blob === null) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }, type);
}

/** A run's address as the path of its folder. */
const pathOf = (source: string): string => {
  const name = /\/api\/runs\/([^/]+)\/files\/pipeline$/.exec(source)?.[1];
  return name === undefined ? source : `${about.value?.runs}/${decodeURIComponent(name)}`;
};

export function commandOf({
  source,
  count,
  seed,
  scheduler,
  steps,
  classLabel,
  guidanceScale,
}: DrawRequest): string {
  const options = [
    `--count ${count} --seed ${seed}`,
    ...(scheduler === undefined ? [] : [`--scheduler ${scheduler}`]),
    ...(steps === undefined ? [] : [`--steps ${steps}`]),
    ...(classLabel === undefined ? [] : [`--class "${classLabel}"`]),
    ...(guidanceScale === undefined ? [] : [`--guidance ${guidanceScale}`]),
  ];
  return `npx imago sample ${JSON.stringify(pathOf(source))} ${options.join(" ")}`;
}

export function codeOf({
  source,
  count,
  seed,
  scheduler,
  steps,
  classLabel,
  guidanceScale,
}: DrawRequest): string {
  const options = {
    ...{ count, seed },
    ...(scheduler !== undefined && { scheduler }),
    ...(steps !== undefined && { steps }),
    ...(classLabel !== undefined && { classLabels: [classLabel] }),
    ...(guidanceScale !== undefined && { guidanceScale }),
  };
  return `import { DDPMPipeline, imageGrid, writeImage } from "imago";

const pipeline = await DDPMPipeline.fromPretrained(${JSON.stringify(pathOf(source))});
const images = await pipeline.generateImages(${JSON.stringify(options)});
await writeImage("drawing.png", imageGrid(images));
`;
}
