// Several sources as one, concatenated.
import { hashing } from "#platform";
import type { ClassLabels } from "../image_source.ts";
import type { EncodedImages } from "./encoded.ts";
import { classLabels } from "./labels.ts";

/** A source, and the prefix of its images' names. */
export interface Part {
  readonly prefix: string;
  readonly images: EncodedImages;
}

/** Concatenates sources. They keep their labels if all have some; classes of equal name are one class. */
export function joined(parts: readonly Part[]): EncodedImages {
  const starts: number[] = [];
  let count = 0;
  for (const { images } of parts) {
    starts.push(count);
    count += images.count;
  }
  const partOf = (index: number): { part: Part; index: number } => {
    const at = starts.findLastIndex((start) => start <= index);
    const part = parts[at];
    if (part === undefined || index >= count) throw new RangeError(`there is no image ${index}`);
    return { part, index: index - (starts[at] ?? 0) };
  };
  const labels = joinedLabels(parts.map(({ images }) => images));
  return {
    count,
    nameOf(index) {
      const found = partOf(index);
      return `${found.part.prefix}${found.part.images.nameOf(found.index)}`;
    },
    ...(labels !== undefined && { labels }),
    warnings: parts.flatMap(({ images }) => images.warnings),
    async content(index) {
      const found = partOf(index);
      return found.part.images.content(found.index);
    },
    identity: JSON.stringify(parts.map(({ images }) => images.identity)),
    async stamp() {
      const stamps = await Promise.all(parts.map(({ images }) => images.stamp()));
      return hashing.sha256(JSON.stringify(stamps));
    },
    async close() {
      for (const { images } of parts) await images.close();
    },
  };
}

function joinedLabels(parts: readonly EncodedImages[]): ClassLabels | undefined {
  const values = parts.flatMap(({ labels, count }) =>
    labels === undefined ? new Array<undefined>(count) : Array.from(labels.of, (of) => labels.names[of]),
  );
  const found = classLabels(values);
  return "names" in found ? found : undefined;
}
