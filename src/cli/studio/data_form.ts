// What the page asks of a data set: which images, in which form; and who may name which.

import * as v from "valibot";
import { FITS } from "../../io/image/index.ts";
import { type SourceOptions, SYNTHETIC } from "../sources.ts";
import { HttpError } from "./http_error.ts";
import { checkOpenSource } from "./open_to_others.ts";
import type { Runs } from "./runs.ts";

/** Largest side of the images, and of drawn ones, all of which are kept in memory. */
const MOST_SIDE = 1024;
const MOST_DRAWN_SIDE = 256;

const text = (most: number) => v.pipe(v.string(), v.trim(), v.nonEmpty("expected a name"), v.maxLength(most));
const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_SIDE));

/** The body of a request for a data set. */
export const dataFormSchema = v.strictObject({
  /** What --data takes, or a run, whose data they are. */
  from: v.variant("kind", [
    v.strictObject({ kind: v.literal("source"), source: text(4096) }),
    v.strictObject({ kind: v.literal("run"), run: text(4096) }),
  ]),
  size: v.strictObject({ width: side, height: side }),
  channels: v.picklist(["auto", 1, 3, 4]),
  fit: v.picklist(FITS),
  ground: v.exactOptional(
    v.pipe(v.string(), v.regex(/^#[0-9a-f]{6}$/i, "expected a colour such as #ffffff")),
  ),
  split: v.exactOptional(text(200)),
  imageColumn: v.exactOptional(text(200)),
  labelColumn: v.exactOptional(text(200)),
});
export type DataForm = v.InferOutput<typeof dataFormSchema>;

export interface NamedData {
  /** As --data takes it. */
  readonly source: string;
  readonly options: SourceOptions;
}

/**
 * The source that a form asks for.
 * @param mayNameAny whether any path of this machine may be named; otherwise only what shows nothing of its disk but the
 * data of its runs
 * @throws HttpError for what may not be named
 */
export async function namedData(form: DataForm, runs: Runs, mayNameAny: boolean): Promise<NamedData> {
  const { source, ...selection } = await sourceOf(form, runs);
  if (form.from.kind === "source" && !mayNameAny) checkOpenSource(source);
  const { size, channels, fit, ground } = form;
  if (source === SYNTHETIC && Math.max(size.width, size.height) > MOST_DRAWN_SIDE) {
    throw new HttpError(
      422,
      `--size is ${size.width}x${size.height}; drawn butterflies are looked at with up to ${MOST_DRAWN_SIDE} pixels a side`,
    );
  }
  return {
    source,
    options: {
      ...{ size, channels, flip: false, skipBroken: true },
      // What is drawn has no other shape that would be fitted.
      ...(source !== SYNTHETIC && { fit, ...(ground !== undefined && { ground }) }),
      ...selection,
    },
  };
}

async function sourceOf(
  { from, split, imageColumn, labelColumn }: DataForm,
  runs: Runs,
): Promise<{ readonly source: string } & Pick<SourceOptions, "split" | "imageColumn" | "labelColumn">> {
  if (from.kind === "run") {
    const { data } = await (await runs.folderOf(from.run)).readConfig();
    return { source: data.source, ...data.selection };
  }
  return {
    source: from.source,
    ...(split !== undefined && { split }),
    ...(imageColumn !== undefined && { imageColumn }),
    ...(labelColumn !== undefined && { labelColumn }),
  };
}
