// Classes in a grid: the chosen classes, and the number of columns.

import { expect, test } from "vitest";
import { classColumns, spreadClasses } from "../../src/pipelines/class_grid.ts";
import { ModelClasses } from "../../src/pipelines/class_labels.ts";
import { nearestNames } from "../../src/pipelines/nearest_names.ts";
import { tinyUNet } from "./support.ts";

const classes = (count: number) => ModelClasses.of(tinyUNet(0, { numClassEmbeds: count }));

test("all classes where there is room, evenly spread ones where there is none", () => {
  expect(spreadClasses(classes(3), 16)).toEqual([0, 1, 2]);
  expect(spreadClasses(classes(8), 4)).toEqual([0, 2, 4, 6]);
  expect(spreadClasses(classes(19), 16)).toEqual([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17]);
  expect(spreadClasses(null, 16)).toBeUndefined();
  expect(spreadClasses(ModelClasses.of(tinyUNet(0, { classEmbedType: "timestep" })), 16)).toBeUndefined();
});

test.each([
  [16, 1, 4],
  [16, 2, 4],
  [16, 3, 3],
  [12, 3, 3],
  [36, 3, 6],
  [16, 4, 4],
  [16, 8, 8],
  [16, 9, 4],
  [40, 19, 19],
  [1, 1, 1],
])("%d images of %d classes stand in %d columns", (count, kinds, columns) => {
  expect(classColumns(count, kinds)).toBe(columns);
});

test("names that hold the text come first, then those that are spelt like it", () => {
  const names = ["kite", "apollo", "cattleheart", "orange-tip", "tiger"];
  expect(nearestNames("HEART", names, 2)).toEqual(["cattleheart", "kite"]);
  expect(nearestNames("tigre", names, 1)).toEqual(["tiger"]);
  expect(nearestNames("appolo", names, 1)).toEqual(["apollo"]);
  expect(nearestNames("x", [], 3)).toEqual([]);
});
