// Paths of the browser's file system: names between slashes, from the root. There is no current folder but the root.

import type { Paths } from "../platform.ts";

/** Without ".", ".." and empty names. @returns the names from the root */
export function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** Like `namesOf`, but names that lead out of a relative path stay. */
function normal(path: string): string {
  if (path.startsWith("/")) return `/${namesOf(path).join("/")}`;
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === ".." && names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names.join("/") || ".";
}

const basename = (path: string): string => path.replace(/\/+$/, "").split("/").at(-1) ?? "";

export const paths: Paths = {
  join: (...parts) => normal(parts.filter((part) => part !== "").join("/")),
  resolve(...parts) {
    const last = parts.findLastIndex((part) => part.startsWith("/"));
    return `/${namesOf(parts.slice(Math.max(0, last)).join("/")).join("/")}`;
  },
  dirname(path) {
    const trimmed = path.replace(/(?<=.)\/+$/, "");
    const slash = trimmed.lastIndexOf("/");
    if (slash === -1) return ".";
    return slash === 0 ? "/" : trimmed.slice(0, slash);
  },
  basename,
  extname: (path) => /[^.]\.*(\.[^.]*)$/.exec(basename(path))?.[1] ?? "",
  isAbsolute: (path) => path.startsWith("/"),
  inside(folder, path) {
    const [from, to] = [namesOf(folder), namesOf(path)];
    const shared = from.findIndex((name, i) => name !== to[i]);
    const common = shared === -1 ? from.length : shared;
    return [...from.slice(common).map(() => ".."), ...to.slice(common)].join("/");
  },
  home: () => "/",
  temporary: () => "/tmp",
};
