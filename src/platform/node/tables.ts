// Tables of text, by csv-parse. It is loaded when it is first needed.

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
