// Tables of text, by csv-parse, which is loaded at first use.

import type { Tables } from "../platform.ts";

export const tables: Tables = {
  async csvRows(text, maxRecordBytes) {
    const { parse } = await import("csv-parse/sync");
    return parse(text, {
      bom: true,
      skip_empty_lines: true,
      relax_quotes: false,
      max_record_size: maxRecordBytes,
    });
  },
};
