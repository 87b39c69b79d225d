// Which images are looked at, and in which form.

import { useState } from "preact/hooks";
import * as v from "valibot";
import { CHANNELS, type DataForm, dataForm, FITS, imageFormOf, originOf } from "../../data_form.ts";
import { closeData, dataSet, readData } from "../../data_set.ts";
import { about, attempt, keyOf, readDetails, runs } from "../../state.ts";
import { FileFields } from "../file_fields.tsx";
import { TextField } from "../text_field.tsx";
import { givenFiles, readGiven } from "./given.ts";

/** How a run has its images, as far as it says so. */
const runDataSchema = v.object({
  size: v.union([v.number(), v.object({ width: v.number(), height: v.number() })]),
  channels: v.optional(v.picklist([1, 3, 4]), 3),
  fit: v.optional(v.picklist(FITS), "crop"),
  ground: v.optional(v.string(), ""),
});

/** Values that are typed. */
type TextName = "source" | "size" | "ground" | "split" | "labelColumn" | "imageColumn";

export function SourceForm() {
  const [refused, setRefused] = useState<string | null>(null);
  const form = dataForm.value;
  const set = (change: Partial<DataForm>): void => {
    dataForm.value = { ...dataForm.value, ...change };
  };
  const begin = async (): Promise<void> => {
    setRefused(null);
    try {
      if (form.from === "files") return await readGiven();
      await readData(originOf(form), imageFormOf(form));
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
    }
  };
  /** @param flag of the option that a refusal names */
  const field = (name: TextName, title: string, placeholder: string, flag: string = name) => (
    <TextField
      {...{ title, placeholder }}
      value={form[name]}
      refused={refused?.startsWith(`--${flag} `) === true ? refused : null}
      onChange={(value) => set({ [name]: value })}
    />
  );
  const ofServer = runs.value.filter(({ place }) => place === "server");
  const stage = dataSet.value?.stage;
  const isReading = stage !== undefined && stage !== null && dataSet.value?.summary === null;
  return (
    <form
      class="panel form"
      aria-label="which images"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void begin();
      }}
    >
      <h2>Images</h2>
      <div class="field">
        <label for="data-from">of</label>
        <select
          id="data-from"
          value={form.from}
          onChange={({ currentTarget: { value } }) => {
            set({ from: value });
            if (value.startsWith("run:")) void attempt(() => asInRun(value.slice("run:".length), set));
          }}
        >
          <option value="synthetic">the drawn butterflies</option>
          <option value="files">files of this device</option>
          {about.value && (
            <option value="source">
              {about.value.mayNameAny ? "a path, or hf:OWNER/NAME" : "the Hub, hf:OWNER/NAME"}
            </option>
          )}
          {ofServer.length > 0 && (
            <optgroup label="the data of a run">
              {ofServer.map(({ name, key }) => (
                <option key={key} value={`run:${name}`}>
                  {name}
                </option>
              ))}
            </optgroup>
          )}
        </select>
      </div>
      {form.from === "files" && (
        <FileFields
          given={givenFiles.value.length}
          onChange={(files) => {
            givenFiles.value = files;
            void begin();
          }}
        />
      )}
      {form.from === "source" &&
        (about.value?.mayNameAny === true
          ? field("source", "path or name", "my-pictures, set.zip, hf:OWNER/NAME", "data")
          : field("source", "name", "hf:OWNER/NAME", "data"))}
      {field("size", "size", "64, or 96x128")}
      {form.from !== "synthetic" && (
        <div class="field">
          <label for="data-fit">of another shape</label>
          <select
            id="data-fit"
            value={form.fit}
            onChange={({ currentTarget: { value } }) =>
              set({ fit: FITS.find((fit) => fit === value) ?? "crop" })
            }
          >
            <option value="crop">crop: keep the centre</option>
            <option value="pad">pad: all, on a ground</option>
            <option value="stretch">stretch: scale both sides</option>
          </select>
        </div>
      )}
      <div class="field">
        <label for="data-channels">channels</label>
        <select
          id="data-channels"
          value={form.channels}
          onChange={({ currentTarget }) => set({ channels: currentTarget.value })}
        >
          {Object.entries(CHANNELS).map(([value, title]) => (
            <option key={value} value={value}>
              {value === "auto" && form.from === "synthetic" ? "3, RGB (auto)" : title}
            </option>
          ))}
        </select>
      </div>
      {form.from !== "synthetic" && (
        <details>
          <summary>more</summary>
          {field("ground", "ground", "#ffffff")}
          {!form.from.startsWith("run:") && (
            <>
              {field("split", "split", "all, or train")}
              {field("labelColumn", "label column", "label")}
              {field("imageColumn", "image column", "image")}
            </>
          )}
        </details>
      )}
      {refused !== null && !/^--(data|size|ground) /.test(refused) && (
        <p class="problem" role="alert">
          {refused}
        </p>
      )}
      <div class="buttons">
        <button type="submit" class="main" disabled={isReading}>
          {isReading ? "reading" : "look at them"}
        </button>
        {isReading && (
          <button type="button" onClick={() => void closeData()}>
            cancel
          </button>
        )}
      </div>
    </form>
  );
}

/** Fills in how a run has its images. */
async function asInRun(run: string, set: (change: Partial<DataForm>) => void): Promise<void> {
  const { config } = await readDetails(keyOf("server", run));
  const { size, channels, fit, ground } = v.parse(runDataSchema, config.data);
  set({
    ...{ fit, ground, channels: String(channels) },
    size: typeof size === "number" ? String(size) : `${size.width}x${size.height}`,
  });
}
