// Classes for images that are compared with a data set as a whole.

/**
 * Classes of `count` images in the proportions of a data set, ascending: those at evenly spread places of its labels
 * when these stand in order, so each class has its share to less than one image.
 * @param of the data set's labels, at least one
 */
export function proportionalClasses(of: Int32Array, count: number): number[] {
  const sorted = of.slice().sort();
  return Array.from({ length: count }, (_, k) => sorted[Math.floor(((k + 0.5) * sorted.length) / count)]);
}
