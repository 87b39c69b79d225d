// Tables of text, by csv-parse.

import { parse } from "csv-parse/browser/esm/sync";
import type { Tables } from "../platform.ts";

export const tables: Tables = {
  csvRows: async (text, maxRecordBytes) =>
    parse(text, {
      bom: true,
      skip_empty_lines: true,
      relax_quotes: false,
      max_record_size: maxRecordBytes,
    }),
};
