// The addresses below /api/data: data sets to look through, which the page opens, follows and closes.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { ImageCatalog } from "../../data/index.ts";
import { encodePng } from "../../io/image/index.ts";
import { sendJson, sendPng } from "./answers.ts";
import { bodyAs } from "./bodies.ts";
import { dataFormSchema, namedData } from "./data_form.ts";
import type { DataSets } from "./data_sets.ts";
import { HttpError } from "./http_error.ts";
import type { Runs } from "./runs.ts";

export interface DataStudio {
  readonly runs: Runs;
  readonly dataSets: DataSets;
  /** Whether the page may name any path of this machine. */
  readonly mayNameAny: boolean;
}

/** Images in one answer: their entries, their pictures, and the pixels of the latter. */
const MOST_ENTRIES = 200;
const MOST_PICTURES = 64;
const MOST_PIXELS = 2 ** 23;

/** @param parts of the path after /api/data */
export async function dataApi(
  { runs, dataSets, mayNameAny }: DataStudio,
  request: IncomingMessage,
  response: ServerResponse,
  [id, part, ...rest]: readonly string[],
  query: URLSearchParams,
): Promise<void> {
  const { method = "GET" } = request;
  const route = `${method} data${id === undefined ? "" : "/:id"}${part === undefined ? "" : `/${part}`}${rest.length > 0 ? "/..." : ""}`;
  switch (route) {
    case "POST data": {
      const form = await bodyAs(request, dataFormSchema);
      return sendJson(response, { id: dataSets.open(await namedData(form, runs, mayNameAny)) });
    }
    case "GET data/:id":
      return sendJson(response, dataSets.status(id));
    case "DELETE data/:id":
      dataSets.close(id);
      return sendJson(response, {});
    case "GET data/:id/summary":
      return sendJson(response, dataSets.catalog(id).summary());
    case "GET data/:id/near":
      return sendJson(response, dataSets.near(id));
    case "GET data/:id/entries": {
      const catalog = dataSets.catalog(id);
      const indices = query.has("images")
        ? imagesOf(catalog, query, MOST_ENTRIES)
        : catalog.indices(
            number(query, "from", 0, Number.MAX_SAFE_INTEGER),
            number(query, "count", 1, MOST_ENTRIES),
            query.has("label") ? number(query, "label", 0, Number.MAX_SAFE_INTEGER) : undefined,
          );
      return sendJson(
        response,
        indices.map((index) => catalog.entry(index)),
      );
    }
    case "GET data/:id/pictures": {
      const catalog = dataSets.catalog(id);
      const indices = imagesOf(catalog, query, MOST_PICTURES);
      const side = query.has("side") ? number(query, "side", 1, 4096) : undefined;
      const size = catalog.sizeWithin(side);
      if (indices.length * size.width * size.height > MOST_PIXELS) {
        throw new HttpError(400, `these pictures have more than ${MOST_PIXELS} pixels; ask for fewer`);
      }
      const pictures = await catalog.pictures(indices, side, dataSets.cooperation(id));
      const { data, width, height, channels } = pictures;
      return sendPng(response, await encodePng(data, width, height, channels));
    }
    default:
      throw new HttpError(404, `there is no ${route}`);
  }
}

/** The images that a request names: "images=3,1,4". */
function imagesOf({ count }: ImageCatalog, query: URLSearchParams, most: number): number[] {
  const given = query.get("images") ?? "";
  const indices = given.split(",", most + 1).map((part) => (/^\d{1,10}$/.test(part) ? Number(part) : -1));
  if (indices.length <= most && indices.every((index) => index >= 0 && index < count)) return indices;
  throw new HttpError(
    400,
    `images is "${given.slice(0, 100)}"; expected up to ${most} numbers from 0 to ${count - 1} with commas`,
  );
}

function number(query: URLSearchParams, name: string, least: number, most: number): number {
  const given = query.get(name) ?? "";
  const value = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new HttpError(
    400,
    `${name} is "${given.slice(0, 100)}"; expected a whole number from ${least} to ${most}`,
  );
}
