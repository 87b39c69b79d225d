// The results as a table of texts, for the page and for terminals.

import type { Cell, Results, Row } from "./results.ts";

/** For a device that is none. */
export const NO_GPU = "The processor plays the GPU: these times mean nothing.";

export const headings = ({ libraries }: Pick<Results, "libraries">): string[] => [
  "operation",
  ...libraries.map(({ name, version }) => `${name} ${version}`),
  "largest difference",
];

export const texts = ({ operation, cells, difference }: Row): string[] => [
  operation,
  ...cells.map(cellText),
  difference === null ? "-" : difference.toExponential(1),
];

/** "1.23 ms, 456 GFLOP/s", or why there is no time. */
function cellText(cell: Cell): string {
  if ("reason" in cell) return `none: ${cell.reason}`;
  const time = `${short(1000 * cell.seconds)} ms, ${short(cell.gflops)} GFLOP/s`;
  return cell.wrong ? `${time}, WRONG` : time;
}

/** Three digits. */
const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
