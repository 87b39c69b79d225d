// Begin a training, and watch it.

import type { PlacedFile } from "imago/browser";
import { useEffect, useState } from "preact/hooks";
import { droppedFiles } from "../engine/given_files.ts";
import { Curves } from "../parts/curves.tsx";
import { DropZone } from "../parts/drop_zone.tsx";
import { FileFields } from "../parts/file_fields.tsx";
import { GridSlider } from "../parts/grid_slider.tsx";
import { Progress } from "../parts/progress.tsx";
import { RunActions } from "../parts/run_actions.tsx";
import { TextField } from "../parts/text_field.tsx";
import {
  about,
  attempt,
  chosen,
  details,
  keyOf,
  PLACES,
  type PlaceName,
  recordsOf,
  recordsVersion,
  runs,
  trainings,
} from "../state.ts";
import { DEFAULTS, FIELDS, type Field, type FormValues, fieldOf, optionsOf, PRESETS } from "./train_form.ts";

export function Train() {
  const [images, setImages] = useState<readonly PlacedFile[]>([]);
  if (about.value === undefined) return <p class="empty">Looking for the server.</p>;
  return (
    <DropZone onDrop={(dropped) => void attempt(async () => setImages(await droppedFiles(dropped)))}>
      <TrainForm images={images} onImages={setImages} />
      <Live />
    </DropZone>
  );
}

function TrainForm({
  images,
  onImages,
}: {
  /** Of the user, for this tab. */
  readonly images: readonly PlacedFile[];
  readonly onImages: (images: readonly PlacedFile[]) => void;
}) {
  const [values, setValues] = useState<FormValues>({ ...DEFAULTS, name: freeName() });
  const [refused, setRefused] = useState<string | null>(null);
  const [isStarting, setStarting] = useState(false);
  const [wanted, setWanted] = useState<PlaceName>("server");
  // Files of the page cannot go to the server.
  useEffect(() => {
    if (images.length > 0) setWanted("tab");
  }, [images]);
  const place = about.value === null ? "tab" : wanted;
  const preset = PRESETS.find(({ name }) => name === values.preset);
  const refusedField = refused === null ? undefined : fieldOf(refused);
  const begin = async (event: Event): Promise<void> => {
    event.preventDefault();
    setStarting(true);
    setRefused(null);
    try {
      await PLACES[place].train(values.name, optionsOf(place, values), images);
      chosen.value = keyOf(place, values.name);
      setValues({ ...values, name: freeName(values.name) });
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
    } finally {
      setStarting(false);
    }
  };
  return (
    <form class="panel form" onSubmit={begin} aria-label="a new training" noValidate>
      <h2>New training</h2>
      <div class="field">
        <label for="field-place">trained by</label>
        <select
          id="field-place"
          value={place}
          onChange={({ currentTarget }) => setWanted(currentTarget.value === "tab" ? "tab" : "server")}
        >
          {about.value && <option value="server">this machine</option>}
          <option value="tab">this tab</option>
        </select>
      </div>
      {place === "tab" && (
        <fieldset class="group">
          <legend>images</legend>
          <FileFields given={images.length} without="the drawn butterflies" onChange={onImages} />
        </fieldset>
      )}
      {FIELDS.filter(({ isServers }) => place === "server" || isServers !== true).map((field) => (
        <FormField
          key={field.name}
          field={field}
          value={values[field.name]}
          refused={refusedField === field.name ? refused : null}
          onChange={(value) => setValues({ ...values, [field.name]: value })}
        />
      ))}
      {preset && <p class="quiet">{preset.summary}</p>}
      {refused !== null && refusedField === undefined && (
        <p class="problem" role="alert">
          {refused}
        </p>
      )}
      <button type="submit" class="main" disabled={isStarting}>
        {isStarting ? "starting" : "train"}
      </button>
    </form>
  );
}

function FormField({
  field: { name, title, help, kind, choices },
  value,
  refused,
  onChange,
}: {
  readonly field: Field;
  readonly value: string;
  readonly refused: string | null;
  readonly onChange: (value: string) => void;
}) {
  if (kind !== "choice") {
    const inputMode = kind === "number" ? "decimal" : "text";
    return <TextField {...{ title, value, refused, inputMode, onChange }} placeholder={help ?? ""} />;
  }
  const id = `field-${name}`;
  return (
    <div class="field">
      <label for={id}>{title}</label>
      <select
        id={id}
        value={value}
        {...(refused !== null && { "aria-invalid": true, "aria-describedby": `${id}-refused` })}
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      >
        {choices?.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.title}
          </option>
        ))}
      </select>
      {refused !== null && (
        <span id={`${id}-refused`} class="problem" role="alert">
          {refused}
        </span>
      )}
    </div>
  );
}

/** A name that no run has: "butterflies", "butterflies-2", ... */
function freeName(taken?: string): string {
  const names = new Set([...runs.value.map(({ name }) => name), taken]);
  for (let i = 1; ; i++) {
    const name = i === 1 ? "butterflies" : `butterflies-${i}`;
    if (!names.has(name)) return name;
  }
}

/** The training that is looked at: the chosen run, or the one that trains. */
function Live() {
  const running = runs.value.find(({ state }) => state === "training");
  const shown = chosen.value ?? running?.key ?? null;
  if (shown !== chosen.value) chosen.value = shown;
  const run = details.value;
  if (shown === null)
    return (
      <p class="empty">
        A training is shown here from its first step. The drawn butterflies need no images: press train, and
        the first pictures come within minutes.
      </p>
    );
  if (run === null) return <p class="empty">Reading the run.</p>;
  const training = trainings.value.find(({ key }) => key === run.key);
  return (
    <article class="panel" aria-label={`the training ${run.name}`}>
      <h2>{run.name}</h2>
      <Progress run={run} training={training} />
      <RunActions run={run} training={training} />
      <GridSlider key={run.key} run={run} />
      <Curves
        runs={[{ name: "loss, averaged", steps: recordsOf(run.key).steps }]}
        quantity="loss"
        smoothing={0.9}
        over="step"
        isLogarithmic={false}
        version={recordsVersion.value}
      />
    </article>
  );
}
