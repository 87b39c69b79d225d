// Which images are looked at, and in which form.

import { useState } from "preact/hooks";
import * as v from "valibot";
import { CHANNELS, type DataForm, dataForm, FITS, imageFormOf, originOf } from "../../data_form.ts";
import { closeData, dataSet, readData } from "../../data_set.ts";
import { chosenFiles } from "../../engine/given_files.ts";
import { about, attempt, keyOf, readDetails, runs } from "../../state.ts";
import { givenFiles, readGiven } from "./given.ts";

/** How a run has its images, as far as it says so. */
const runDataSchema = v.object({
  size: v.union([v.number(), v.object({ width: v.number(), height: v.number() })]),
  channels: v.optional(v.picklist([1, 3, 4]), 3),
  fit: v.optional(v.picklist(FITS), "crop"),
  ground: v.optional(v.string(), ""),
});

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
  const choose = (files: FileList | null): void => {
    if (files === null || files.length === 0) return;
    givenFiles.value = chosenFiles(files);
    void begin();
  };
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
        <>
          <label>
            files
            <input type="file" multiple onChange={({ currentTarget }) => choose(currentTarget.files)} />
          </label>
          <label>
            a folder
            <input
              type="file"
              {...{ webkitdirectory: true }}
              onChange={({ currentTarget }) => choose(currentTarget.files)}
            />
          </label>
          <p class="quiet">
            Or drop them anywhere on this page. They stay on this device
            {givenFiles.value.length > 0 && `; ${givenFiles.value.length} given`}.
          </p>
        </>
      )}
      {form.from === "source" && (
        <TextField
          id="source"
          title={about.value?.mayNameAny === true ? "path or name" : "name"}
          help={about.value?.mayNameAny === true ? "my-pictures, set.zip, hf:OWNER/NAME" : "hf:OWNER/NAME"}
          {...{ form, set, refused }}
          flag="data"
        />
      )}
      <TextField id="size" title="size" help="64, or 96x128" {...{ form, set, refused }} />
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
          <TextField id="ground" title="ground" help="#ffffff" {...{ form, set, refused }} />
          {!form.from.startsWith("run:") && (
            <>
              <TextField id="split" title="split" help="all, or train" {...{ form, set, refused }} />
              <TextField id="labelColumn" title="label column" help="label" {...{ form, set, refused }} />
              <TextField id="imageColumn" title="image column" help="image" {...{ form, set, refused }} />
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

function TextField({
  id,
  title,
  help,
  form,
  set,
  refused,
  flag = id,
}: {
  readonly id: "source" | "size" | "ground" | "split" | "labelColumn" | "imageColumn";
  readonly title: string;
  readonly help: string;
  readonly form: DataForm;
  readonly set: (change: Partial<DataForm>) => void;
  readonly refused: string | null;
  /** Of the option that a refusal names. */
  readonly flag?: string;
}) {
  const own = refused?.startsWith(`--${flag} `) === true ? refused : null;
  return (
    <div class="field">
      <label for={`data-${id}`}>{title}</label>
      <input
        id={`data-${id}`}
        type="text"
        value={form[id]}
        placeholder={help}
        {...(own !== null && { "aria-invalid": true, "aria-describedby": `data-${id}-refused` })}
        onInput={({ currentTarget }) => set({ [id]: currentTarget.value })}
      />
      {own !== null && (
        <span id={`data-${id}-refused`} class="problem" role="alert">
          {own}
        </span>
      )}
    </div>
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
