import { expect, test } from "vitest";
import { proportionalClasses } from "../../src/data/class_proportions.ts";

const labels = Int32Array.from([2, 0, 0, 2, 0, 1, 0, 0, 0, 0]); // 7, 1 and 2 of 10

test("each class has its share", () => {
  expect(proportionalClasses(labels, 10)).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 2, 2]);
  expect(proportionalClasses(labels, 20)).toEqual([...Array(14).fill(0), 1, 1, 2, 2, 2, 2]);
  expect(proportionalClasses(labels, 1)).toEqual([0]);
});

test("to less than one image, whatever their number", () => {
  for (let count = 1; count < 60; count++) {
    const classes = proportionalClasses(labels, count);
    for (const [id, share] of [0.7, 0.1, 0.2].entries()) {
      const drawn = classes.filter((label) => label === id).length;
      expect(Math.abs(drawn - share * count), `${count} images of class ${id}`).toBeLessThan(1);
    }
  }
});
