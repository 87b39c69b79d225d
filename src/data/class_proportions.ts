// Classes for images that are compared with a data set as a whole.

/**
 * Classes of `count` images in the proportions of a data set, ascending. They are taken at evenly spaced positions of
 * its sorted labels, so the count of each class is within one image of its share.
 * @param of the data set's labels, at least one
 */
export function proportionalClasses(of: Int32Array, count: number): number[] {
  const sorted = of.slice().sort();
  return Array.from({ length: count }, (_, k) => sorted[Math.floor(((k + 0.5) * sorted.length) / count)]);
}
