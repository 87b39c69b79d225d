// The form that says which images are read, and how: its fields are the options of imago data.

import { signal } from "@preact/signals";
import { PRESETS } from "imago";
import type { DataOrigin, ImageForm } from "./places/data_place.ts";

export interface DataForm {
  /** "synthetic", "files", "source", or "run:" and a run's name. */
  readonly from: string;
  readonly source: string;
  readonly size: string;
  readonly fit: ImageForm["fit"];
  readonly channels: string;
  readonly ground: string;
  readonly split: string;
  readonly imageColumn: string;
  readonly labelColumn: string;
}

export const FITS = ["crop", "pad", "stretch"] as const satisfies readonly ImageForm["fit"][];
export const CHANNELS = {
  auto: "as the images have",
  1: "1, gray",
  3: "3, RGB",
  4: "4, with transparency",
} as const;
/** Largest side that is looked at. */
const MOST_SIDE = 1024;

/** What is filled in; it stays while other views are seen. */
export const dataForm = signal<DataForm>({
  ...{ from: "synthetic", source: "", size: String(PRESETS.quick.size), fit: "crop", channels: "auto" },
  ...{ ground: "", split: "", imageColumn: "", labelColumn: "" },
});

/** A value that cannot be, in the words of the command: "--size is ...". */
export class WrongField extends Error {
  override readonly name = "WrongField";
}

/** @throws WrongField */
export function imageFormOf(form: DataForm): ImageForm {
  const { fit, channels } = form;
  const more = Object.fromEntries(
    (form.from === "synthetic" ? [] : (["ground", "split", "imageColumn", "labelColumn"] as const))
      .map((name) => [name, form[name].trim()])
      .filter(([, value]) => value !== ""),
  );
  if (more.ground !== undefined && !/^#[0-9a-f]{6}$/i.test(more.ground)) {
    throw new WrongField(`--ground is "${more.ground}"; expected a colour such as "#ffffff"`);
  }
  return {
    size: sizeOf(form.size),
    channels: channels === "1" ? 1 : channels === "3" ? 3 : channels === "4" ? 4 : "auto",
    fit,
    ...more,
  };
}

function sizeOf(text: string): ImageForm["size"] {
  const [, width, height = width] = /^\s*(\d{1,5})(?:x(\d{1,5}))?\s*$/i.exec(text) ?? [];
  const size = { width: Number(width), height: Number(height) };
  if (Object.values(size).every((side) => side >= 1 && side <= MOST_SIDE)) return size;
  throw new WrongField(
    `--size is "${text}"; expected a side from 1 to ${MOST_SIDE}, or width and height such as 96x128`,
  );
}

/** What the server or the worker reads for a form without files. @throws WrongField */
export function originOf({ from, source }: DataForm): DataOrigin {
  if (from === "synthetic") return { kind: "synthetic" };
  if (from.startsWith("run:")) return { kind: "run", run: from.slice("run:".length) };
  if (source.trim() === "") throw new WrongField("--data is empty; expected a path or hf:OWNER/NAME");
  return { kind: "source", source };
}
