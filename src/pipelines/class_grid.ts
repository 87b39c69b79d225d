// Images of several classes in one grid.

import type { ModelClasses } from "./class_labels.ts";

/**
 * Classes for a grid of `count` images that show as much as they can: all, or where those are more than images, every
 * so-manieth.
 * @returns undefined for a model without classes, or that takes any number as one
 */
export function spreadClasses(classes: ModelClasses | null, count: number): number[] | undefined {
  if (classes === null || classes.count === null) return undefined;
  const { count: all } = classes;
  const shown = Math.min(all, count);
  return Array.from({ length: shown }, (_, k) => Math.floor((k * all) / shown));
}

/**
 * Columns of a grid of images that take classes in turn: so many, near to a square, that all of a column are of one
 * class, if there are at least two rows of all classes.
 */
export function classColumns(count: number, classes: number): number {
  const square = Math.ceil(Math.sqrt(count));
  return count < 2 * classes ? square : classes * Math.max(1, Math.round(square / classes));
}
