// Paths of the page's files: posix, and without a working folder, so that relative ones begin at "/".

import type { Paths } from "../platform.ts";

/** The parts of a path without "." and "..". @param isRooted ".." of "/" is "/" */
function partsOf(path: string, isRooted: boolean): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isRooted) parts.push(part);
  }
  return parts;
}

function join(...parts: string[]): string {
  const path = parts.filter((part) => part !== "").join("/");
  const isRooted = path.startsWith("/");
  const inner = partsOf(path, isRooted).join("/");
  const end = inner !== "" && path.endsWith("/") ? "/" : "";
  return isRooted ? `/${inner}${end}` : inner === "" ? (path.endsWith("/") ? "./" : ".") : inner + end;
}

function resolve(...parts: string[]): string {
  const from = parts.findLastIndex((part) => part.startsWith("/"));
  return `/${partsOf(parts.slice(Math.max(0, from)).join("/"), true).join("/")}`;
}

/** Without slashes at the end. */
const trimmed = (path: string): string => path.replace(/(?<=[^/])\/+$/, "");

function dirname(path: string): string {
  const end = trimmed(path).lastIndexOf("/");
  if (end < 0) return ".";
  return path.slice(0, end).replace(/\/+$/, "") || "/";
}

const basename = (path: string): string => {
  const name = trimmed(path);
  return name.slice(name.lastIndexOf("/") + 1);
};

function extname(path: string): string {
  const name = basename(path);
  const dot = name === ".." ? -1 : name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot) : "";
}

function inside(folder: string, path: string): string {
  const from = partsOf(folder, true);
  const to = partsOf(path, true);
  let common = 0;
  while (common < from.length && from[common] === to[common]) common++;
  return [...from.slice(common).map(() => ".."), ...to.slice(common)].join("/");
}

export const paths: Paths = {
  join,
  resolve,
  dirname,
  basename,
  extname,
  isAbsolute: (path) => path.startsWith("/"),
  inside,
  home: () => "/",
  temporary: () => "/tmp",
};
