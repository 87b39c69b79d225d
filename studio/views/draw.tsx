// Draw with a run or a pipeline: the pictures come out of the noise before one's eyes.

import { samplerNames, schedulerNames } from "imago";
import { useState } from "preact/hooks";
import { compare, comparison } from "../engine/comparison.ts";
import { cancel } from "../engine/draw_client.ts";
import { classes, type Drawing, draw, drawing } from "../engine/drawing.ts";
import type { DrawRequest } from "../engine/messages.ts";
import { MaskPainter } from "../parts/mask_painter.tsx";
import { Picture } from "../parts/picture.tsx";
import { Player } from "../parts/player.tsx";
import { SamplerTable } from "../parts/sampler_table.tsx";
import { Save } from "../parts/save.tsx";
import { StepSlider } from "../parts/step_slider.tsx";
import { chosen, PLACES, runs } from "../state.ts";

/** What the form holds; "" for what the pipeline chooses. */
interface Values {
  readonly source: string;
  readonly scheduler: string;
  readonly steps: string;
  readonly seed: string;
  readonly count: string;
  readonly classLabel: string;
  readonly guidanceScale: string;
  /** Seeds with commas. */
  readonly walk: string;
  readonly backend: DrawRequest["backend"];
}

const BACKENDS = ["auto", "webgpu", "wasm"] as const;

export function Draw() {
  const usable = runs.value.filter(({ hasPipeline }) => hasPipeline);
  const first = usable.find(({ key }) => key === chosen.value) ?? usable[0];
  const [values, setValues] = useState<Values>({
    ...{ source: "", scheduler: "", steps: "", seed: "0", count: "9", classLabel: "", guidanceScale: "" },
    ...{ walk: "", backend: "auto" },
  });
  const source = values.source === "" && first ? `run:${first.key}` : values.source;
  const set = (name: keyof Values) => (event: { readonly currentTarget: { readonly value: string } }) =>
    setValues({ ...values, [name]: event.currentTarget.value });
  const begin = (event: Event): void => {
    event.preventDefault();
    comparison.value = null;
    void draw(requestOf({ ...values, source }));
  };
  const isBusy = drawing.value !== null && !drawing.value.isOver;
  return (
    <div class="columns">
      <form class="panel form" onSubmit={begin} aria-label="a drawing">
        <h2>Draw</h2>
        <label>
          with
          <select
            value={source.startsWith("run:") ? source : "other"}
            onChange={(event) => {
              const { value } = event.currentTarget;
              setValues({ ...values, source: value === "other" ? "hf:" : value });
            }}
          >
            {usable.map(({ key, name }) => (
              <option key={key} value={`run:${key}`}>
                {name}
              </option>
            ))}
            <option value="other">another pipeline</option>
          </select>
        </label>
        {!source.startsWith("run:") && (
          <label>
            its address, or hf:OWNER/NAME
            <input type="text" value={source} onInput={set("source")} />
          </label>
        )}
        <label>
          scheduler
          <select value={values.scheduler} onChange={set("scheduler")}>
            <option value="">the pipeline's</option>
            {[...schedulerNames, ...samplerNames].map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          steps
          <input
            type="text"
            inputMode="numeric"
            placeholder="the pipeline's"
            value={values.steps}
            onInput={set("steps")}
          />
        </label>
        <label>
          seed
          <input type="text" inputMode="numeric" value={values.seed} onInput={set("seed")} />
        </label>
        <label>
          pictures
          <input type="number" min="1" max="64" value={values.count} onInput={set("count")} />
        </label>
        <label>
          walk between seeds
          <input type="text" placeholder="3, 7, 12" value={values.walk} onInput={set("walk")} />
        </label>
        <label>
          computes on
          <select
            value={values.backend}
            onChange={({ currentTarget: { value } }) => {
              const backend = BACKENDS.find((name) => name === value);
              if (backend !== undefined) setValues({ ...values, backend });
            }}
          >
            {BACKENDS.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {classes.value.length > 0 && (
          <>
            <label>
              class
              <select value={values.classLabel} onChange={set("classLabel")}>
                <option value="">each in turn</option>
                {classes.value.map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
            <label>
              guidance
              <input
                type="text"
                inputMode="decimal"
                placeholder="1"
                value={values.guidanceScale}
                onInput={set("guidanceScale")}
              />
            </label>
          </>
        )}
        <div class="actions">
          <button type="submit" class="main" disabled={source === ""}>
            draw
          </button>
          <button
            type="button"
            onClick={() => setValues({ ...values, seed: String(Math.floor(Math.random() * 1e6)) })}
          >
            another seed
          </button>
          {isBusy && (
            <button type="button" onClick={cancel}>
              cancel
            </button>
          )}
        </div>
        <CompareForm
          isReady={source !== ""}
          onCompare={(names) => {
            drawing.value = null;
            void compare({ ...requestOf({ ...values, source, walk: "" }), count: COMPARED }, names);
          }}
        />
      </form>
      {comparison.value !== null ? (
        <SamplerTable />
      ) : drawing.value === null ? (
        <p class="empty">Pictures are drawn in this page, by this machine.</p>
      ) : (
        <Result key={drawing.value.id} drawing={drawing.value} />
      )}
    </div>
  );
}

/** Pictures of a part that is drawn anew. */
const REPAINTED = 4;
/** Pictures of each sampler, and the samplers that are compared unless others are chosen. */
const COMPARED = 4;
const USUAL = ["ddpm", "ddim", "euler", "dpm++", "unipc"];

function CompareForm({
  isReady,
  onCompare,
}: {
  readonly isReady: boolean;
  readonly onCompare: (names: readonly string[]) => void;
}) {
  const [names, setNames] = useState<readonly string[]>(USUAL);
  return (
    <details>
      <summary>compare samplers</summary>
      <fieldset class="checks">
        <legend>from the same noise</legend>
        {schedulerNames.map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={names.includes(name)}
              onChange={() =>
                setNames(names.includes(name) ? names.filter((other) => other !== name) : [...names, name])
              }
            />
            {name}
          </label>
        ))}
      </fieldset>
      <button type="button" disabled={!isReady || names.length === 0} onClick={() => onCompare(names)}>
        compare
      </button>
    </details>
  );
}

function Result({
  drawing: { request, stage, steps, frames, walk, isOver, seconds, problem },
}: {
  readonly drawing: Drawing;
}) {
  const [at, setAt] = useState<number | null>(null);
  const last = frames.length - 1;
  const index = at === null ? last : Math.min(at, last);
  const frame = frames[index];
  return (
    <article class="panel" aria-label="the drawing" aria-busy={!isOver}>
      <p role="status">
        {problem !== null
          ? ""
          : stage !== null
            ? stage
            : seconds !== null
              ? `drawn in ${seconds.toFixed(1)} s`
              : `step ${frames[last]?.step ?? 0} of ${steps}`}
      </p>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {walk !== null && <Player pictures={walk} />}
      {frame && (
        <>
          <div class="pictures" style={{ "--columns": Math.ceil(Math.sqrt(frame.pictures.count)) }}>
            {Array.from({ length: frame.pictures.count }, (_, i) => (
              <Picture
                key={i}
                pictures={frame.pictures}
                index={i}
                label={`picture ${i + 1} after step ${frame.step}`}
              />
            ))}
          </div>
          <StepSlider
            label={`step ${frame.step} of ${steps}`}
            step={frame.step}
            {...{ last, index }}
            onChange={(next) => setAt(next === last ? null : next)}
          />
          {seconds !== null && request.repaint === undefined && (
            <Save request={request} pictures={frames[last].pictures} />
          )}
          {seconds !== null && (
            <MaskPainter
              pictures={frames[last].pictures}
              onPaint={(repaint) => void draw({ ...request, count: REPAINTED, repaint })}
            />
          )}
        </>
      )}
    </article>
  );
}

/** @returns what the worker draws; numbers that are none are left to the pipeline, which says what it expects */
function requestOf({
  source,
  scheduler,
  steps,
  seed,
  count,
  classLabel,
  guidanceScale,
  walk,
  backend,
}: Values): DrawRequest {
  const seeds = walk.split(",").filter((text) => text.trim() !== "");
  return {
    source: addressOf(source),
    count: Math.min(64, Math.max(1, Math.floor(Number(count)) || 1)),
    seed: Number(seed),
    backend,
    showsClean: false,
    ...(seeds.length > 0 && { walk: seeds.map(Number) }),
    ...(scheduler !== "" && { scheduler }),
    ...(steps !== "" && { steps: Number(steps) }),
    ...(classLabel !== "" && { classLabel }),
    ...(guidanceScale !== "" && { guidanceScale: Number(guidanceScale) }),
  };
}

/** A run's pipeline is where the run is. */
export function addressOf(source: string): string {
  const run = runs.value.find(({ key }) => source === `run:${key}`);
  return run === undefined ? source : PLACES[run.place].pipelineOf(run.name);
}
