// Images of several classes in one grid.

import type { ModelClasses } from "./class_labels.ts";

/**
 * Classes for a grid of `count` images: all classes, or `count` evenly spaced ones where there are more.
 * @returns undefined for a model without classes, or one that takes any number as a class
 */
export function spreadClasses(classes: ModelClasses | null, count: number): number[] | undefined {
  if (classes === null || classes.count === null) return undefined;
  const { count: all } = classes;
  const shown = Math.min(all, count);
  return Array.from({ length: shown }, (_, k) => Math.floor((k * all) / shown));
}

/**
 * The number of columns for a grid of images that cycle through classes. It is near to square; with at least two rows
 * of all classes, each column shows one class.
 */
export function classColumns(count: number, classes: number): number {
  const square = Math.ceil(Math.sqrt(count));
  return count < 2 * classes ? square : classes * Math.max(1, Math.round(square / classes));
}
