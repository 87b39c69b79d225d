// An image in a line: its name, its class, its original.

import type { Entry } from "../../places/data_place.ts";

export const originalText = ({ original }: Entry): string =>
  original === null ? "drawn" : `${original.width} x ${original.height}, ${original.kind}`;

export const describe = (entry: Entry): string =>
  [entry.name, ...(entry.label === null ? [] : [entry.label]), originalText(entry)].join(", ");
