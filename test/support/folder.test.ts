// A test's folder is not the current one before the tests begin.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { testFolder } from "./folder.ts";

const folder = testFolder();
expect(() => folder()).toThrow("the folder is made when tests begin");
expect(() => folder("a")).toThrow("the folder is made when tests begin");

test("inside of a test it is there", () => {
  expect(folder("a").startsWith(tmpdir())).toBe(true);
  expect(existsSync(folder())).toBe(true);
});
