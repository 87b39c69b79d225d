// The images that this browser reads: those that the user gave the page, and the drawn butterflies.

import * as v from "valibot";
import { dataCalls, picturesSchema } from "../engine/data_client.ts";
import { type DataPlace, dataSummarySchema, entriesSchema, nearSchema, statusSchema } from "./data_place.ts";
import { Refused } from "./place.ts";

export const tabData: DataPlace = {
  open(from, form) {
    if (from.kind !== "files" && from.kind !== "synthetic") {
      throw new Refused("only the studio's server reads that; choose files, or the drawn butterflies");
    }
    const files = from.kind === "files" ? from.files : null;
    return dataCalls.ask(v.string(), { name: "open", form, files });
  },
  status: (id) => dataCalls.ask(statusSchema, { name: "status", id }),
  summary: (id) => dataCalls.ask(dataSummarySchema, { name: "summary", id }),
  near: (id) => dataCalls.ask(nearSchema, { name: "near", id }),
  entries: (id, choice) => dataCalls.ask(entriesSchema, { name: "entries", id, choice }),
  pictures: (id, images, side) => dataCalls.ask(picturesSchema, { name: "pictures", id, images, side }),
  close: (id) => dataCalls.ask(v.undefined(), { name: "close", id }),
};
