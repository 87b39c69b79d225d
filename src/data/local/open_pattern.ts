// Opens the files that a pattern names: * and ? as in a shell, {000..012} and {a,b} as users of WebDataset write them.

import { paths } from "#platform";
import { DataError } from "../errors.ts";
import type { EncodedImages, NamedSource, SourceSelection } from "./encoded.ts";
import { checkFolder, listFolder } from "./files.ts";
import { isParquet, isTar, isZip } from "./kinds.ts";
import { archiveSplit, parquetSplit } from "./several_files.ts";

const { basename, dirname } = paths;

/** More names than any data set has files. */
const MAX_NAMES = 100_000;

export const isPattern = (name: string): boolean => /[*?]|\{[^{}]*(?:,|\.\.)[^{}]*\}/.test(name);

/** @throws DataError or FileError, in one line */
export async function openPattern(source: NamedSource, selection: SourceSelection): Promise<EncodedImages> {
  const { name, path } = source;
  const folder = dirname(path);
  await checkFolder(folder);
  const files = await listFolder(folder, (file) => isParquet(file) || isTar(file) || isZip(file));
  const here = files.filter((file) => !file.includes("/"));
  const found = matches(name, basename(path), here);
  const kind = [isParquet, isTar, isZip].find((isKind) => found.some(isKind));
  if (kind === undefined) {
    throw new DataError(`${name}: no .parquet, .tar or .zip file matches; check the pattern`);
  }
  const open = kind === isParquet ? parquetSplit : archiveSplit;
  return open({ name, path: folder }, found.filter(kind), selection);
}

/** @throws DataError where a name without * and ? is not among the files */
function matches(name: string, pattern: string, files: readonly string[]): string[] {
  const exact = new Set<string>();
  const wild: RegExp[] = [];
  for (const expanded of expandBraces(name, pattern)) {
    if (/[*?]/.test(expanded)) {
      const escaped = expanded.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
      wild.push(new RegExp(`^${escaped.replaceAll(/\*+/g, ".*").replaceAll("?", ".")}$`));
    } else exact.add(expanded);
  }
  const known = new Set(files);
  for (const file of exact) {
    if (!known.has(file))
      throw new DataError(`${name}: there is no file ${JSON.stringify(file)} of these; check the pattern`);
  }
  return files.filter((file) => exact.has(file) || wild.some((one) => one.test(file)));
}

/** "a-{08..10}.tar": a-08.tar, a-09.tar, a-10.tar. */
function expandBraces(name: string, pattern: string): string[] {
  let names = [""];
  // Text and braces in turn.
  for (const [i, part] of pattern.split(/\{([^{}]*(?:,|\.\.)[^{}]*)\}/).entries()) {
    const choices = i % 2 === 0 ? [part] : choicesOf(name, part);
    if (names.length * choices.length > MAX_NAMES) throw tooMany(name);
    names = names.flatMap((begin) => choices.map((choice) => begin + choice));
  }
  return names;
}

const tooMany = (name: string) =>
  new DataError(`${name}: the pattern stands for over ${MAX_NAMES} names; give a folder, or fewer`);

function choicesOf(name: string, braces: string): string[] {
  const [, first, last] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(braces) ?? [];
  if (first === undefined || last === undefined) return braces.split(",");
  const [from, to] = [Number(first), Number(last)].sort((a, b) => a - b);
  if (to - from >= MAX_NAMES) throw tooMany(name);
  const isPadded = /^0\d/.test(first) || /^0\d/.test(last);
  const width = isPadded ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i).padStart(width, "0"));
}
