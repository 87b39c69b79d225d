// The paths of a browser are those of Node on a posix system.

import { posix } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { paths } from "../../src/platform/browser/paths.ts";

const path = fc
  .array(fc.constantFrom("/", "/", "//", ".", "..", "...", "a", "b.png", "c.d.e", ".x", "y."), {
    maxLength: 12,
  })
  .map((parts) => parts.join(""));

/** Node's `dirname` keeps some double slashes. */
const single = (text: string) => text.replace(/\/+/g, "/");

test("paths are joined, resolved and taken apart as Node does it, from /", () => {
  const one = (a: string, b: string, c: string) => ({
    join: paths.join(a, b, c),
    resolve: paths.resolve(a, b, c),
    dirname: paths.dirname(single(a)),
    basename: paths.basename(a),
    extname: paths.extname(a),
    isAbsolute: paths.isAbsolute(a),
    inside: paths.inside(`/${a}`, `/${b}`),
  });
  const other = (a: string, b: string, c: string): ReturnType<typeof one> => ({
    join: posix.join(a, b, c),
    resolve: posix.resolve("/", a, b, c),
    dirname: posix.dirname(single(a)),
    basename: posix.basename(a),
    extname: posix.extname(a),
    isAbsolute: posix.isAbsolute(a),
    inside: posix.relative(`/${a}`, `/${b}`),
  });
  fc.assert(
    fc.property(path, path, path, (a, b, c) => {
      expect(one(a, b, c)).toEqual(other(a, b, c));
    }),
    { numRuns: 2000 },
  );
  expect(paths.home()).toBe("/");
});
