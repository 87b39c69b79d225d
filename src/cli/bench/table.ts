// The tables of imago bench: a name on the left, numbers on the right.

import type { KernelGroup, Speed } from "./groups.ts";

/** Rows of cells below a header. The first and the last column contain words and are left-aligned. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const isText = column === 0 || column === row.length - 1;
        return isText ? cell.padEnd(widths[column]) : cell.padStart(widths[column]);
      })
      .join("  ")
      .trimEnd(),
  );
}

export const SPEED_HEADER = [
  "ms",
  "from fastest to slowest",
  "GFLOP/s",
  "GB/s",
  "of peak",
  "bound by",
] as const;

export function speedCells(speed: Speed): string[] {
  const { seconds, gflops, gbytesPerSecond, peakShare, bound } = speed;
  return [
    milliseconds(seconds),
    range(speed),
    gflops?.toFixed(1) ?? "-",
    gbytesPerSecond?.toFixed(1) ?? "-",
    peakShare === null ? "-" : percent(peakShare),
    bound ?? "-",
  ];
}

/** "6.80 to 7.12"; "-" for a single run. */
function range({ fastestSeconds, slowestSeconds }: Speed): string {
  if (fastestSeconds === slowestSeconds) return "-";
  return `${milliseconds(fastestSeconds)} to ${milliseconds(slowestSeconds)}`;
}

/** One row per group. */
export function groupTable(
  heading: string,
  groups: readonly KernelGroup[],
  name: (group: KernelGroup) => string,
): string[] {
  if (groups.length === 0) return [];
  return table([
    [heading, "calls", "share", ...SPEED_HEADER],
    ...groups.map((group) => [name(group), String(group.calls), percent(group.share), ...speedCells(group)]),
  ]);
}

/** A note below tables: why a share of the peak can exceed 100 %. */
export const PEAK_NOTE =
  "Winograd kernels count the operations of the direct convolution, and small arrays come from caches: both can pass 100 %.";

const LONGEST = 60;

/**
 * A short name of a kernel and its operation; the family is left out if the operation repeats it: "matmul [8, 4]",
 * "winograd_filters: conv2d [8, 8, 4, 4]", "pointwise: 2 add + sub [4, 8]".
 */
export function kernelName({ family, label }: { readonly family: string; readonly label: string }): string {
  const [, results, part = ""] = /^(.*\])(, \w+)?$/.exec(label) ?? [];
  const words = (results ?? label).split(" + ").map((result) => /^(\w+)(\[.*\])$/.exec(result));
  const shapes = new Set(words.map((word) => word?.[2]));
  const [shape] = shapes;
  if (shapes.size !== 1 || shape === undefined) return cut(`${family}: ${label}`);
  const counts = new Map<string, number>();
  for (const word of words) if (word !== null) counts.set(word[1], (counts.get(word[1]) ?? 0) + 1);
  const names = [...counts].map(([op, count]) => `${count === 1 ? "" : `${count} `}${snakeCase(op)}`);
  const says = counts.size === 1 && [...counts.keys()].every((op) => snakeCase(op) === family);
  return cut(`${says ? "" : `${family}: `}${names.join(" + ")} ${shape}${part}`);
}

const snakeCase = (name: string): string =>
  name.replaceAll(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const cut = (text: string): string => (text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`);

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
export const milliseconds = (seconds: number): string => (seconds * 1000).toFixed(seconds < 0.01 ? 2 : 1);
