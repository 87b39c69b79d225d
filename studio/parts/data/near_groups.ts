// Pairs of images that look alike, as groups: whatever is linked by pairs is one.

import type { Near } from "../../places/data_place.ts";

export interface NearGroup {
  /** Ascending. */
  readonly images: readonly number[];
  /** The smallest and the largest distance of its pairs, in bits. */
  readonly least: number;
  readonly most: number;
}

/** The groups, those that are most alike first. */
export function nearGroups(pairs: Near["pairs"]): NearGroup[] {
  const parent = new Map<number, number>();
  const rootOf = (image: number): number => {
    const above = parent.get(image) ?? image;
    if (above === image) return image;
    const root = rootOf(above);
    parent.set(image, root);
    return root;
  };
  for (const [first, second] of pairs) parent.set(rootOf(second), rootOf(first));
  const groups = new Map<number, { images: Set<number>; distances: number[] }>();
  for (const [first, second, distance] of pairs) {
    const root = rootOf(first);
    const group = groups.get(root) ?? { images: new Set(), distances: [] };
    groups.set(root, group);
    group.images.add(first).add(second);
    group.distances.push(distance);
  }
  return [...groups.values()]
    .map(({ images, distances }) => ({
      images: [...images].sort((a, b) => a - b),
      least: Math.min(...distances),
      most: Math.max(...distances),
    }))
    .sort((a, b) => a.least - b.least || a.most - b.most);
}
