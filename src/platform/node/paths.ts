// Paths in the system's notation.

import { homedir, tmpdir } from "node:os";
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Paths } from "../platform.ts";

export const paths: Paths = {
  join,
  resolve,
  dirname,
  basename: (path) => basename(path),
  extname,
  isAbsolute,
  inside: (folder, path) => relative(folder, path).split(sep).join("/"),
  home: homedir,
  temporary: tmpdir,
};
