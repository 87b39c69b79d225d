// The images that the server reads.

import * as v from "valibot";
import type { Pictures } from "../engine/messages.ts";
import { type DataPlace, dataSummarySchema, entriesSchema, nearSchema, statusSchema } from "./data_place.ts";
import { Refused } from "./place.ts";
import { ask } from "./server.ts";

export const serverData: DataPlace = {
  async open(from, form) {
    const { id } = await ask(v.object({ id: v.string() }), "data", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...form, from }),
    });
    return id;
  },
  status: (id) => ask(statusSchema, `data/${id}`),
  summary: (id) => ask(dataSummarySchema, `data/${id}/summary`),
  near: (id) => ask(nearSchema, `data/${id}/near`),
  entries(id, choice) {
    const query =
      "images" in choice
        ? `images=${choice.images.join()}`
        : `from=${choice.from}&count=${choice.count}${choice.label === null ? "" : `&label=${choice.label}`}`;
    return ask(entriesSchema, `data/${id}/entries?${query}`);
  },
  async pictures(id, images, side) {
    const address = `api/data/${id}/pictures?images=${images.join()}${side === undefined ? "" : `&side=${side}`}`;
    const response = await fetch(address).catch(() => undefined);
    if (response?.ok !== true) throw new Refused("the pictures cannot be had; read the images again");
    return unpacked(await response.blob(), images.length);
  },
  async close(id) {
    await ask(v.looseObject({}), `data/${id}`, { method: "DELETE" });
  },
};

/** Pictures that lie below each other in a file. */
async function unpacked(file: Blob, count: number): Promise<Pictures> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (context === null) throw new Refused("this browser cannot unpack pictures");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height: height / count, count, rgba: new Uint8ClampedArray(data) };
}
