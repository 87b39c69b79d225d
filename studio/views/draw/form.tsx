// What is drawn, and how.

import { samplerNames, schedulerNames } from "imago";
import { classes } from "../../engine/drawing.ts";
import { SchedulerOptions } from "../../parts/scheduler_options.tsx";
import { TextField } from "../../parts/text_field.tsx";
import type { PlacedRun } from "../../state.ts";
import { PromptFields } from "./prompt_fields.tsx";
import { isRun } from "./source.ts";
import { SourceFields } from "./source_fields.tsx";
import { MOST_PICTURES, TAKES_ETA, takesSteps, usualCount, type Values } from "./values.ts";

const BACKENDS = ["auto", "webgpu", "wasm"] as const;

export function DrawFields({
  values,
  usable,
  onChange,
}: {
  readonly values: Values;
  readonly usable: readonly PlacedRun[];
  readonly onChange: (change: Partial<Values>) => void;
}) {
  return (
    <>
      <SourceFields {...{ values, usable, onChange }} />
      {!isRun(values.source) && <PromptFields {...{ values, onChange }} />}
      <label>
        scheduler
        <select
          value={values.scheduler}
          onChange={({ currentTarget }) => onChange({ scheduler: currentTarget.value, options: {} })}
        >
          <option value="">the pipeline's</option>
          <optgroup label="schedulers">
            {schedulerNames.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </optgroup>
          <optgroup label="samplers that choose their steps">
            {samplerNames.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      <SchedulerOptions
        scheduler={values.scheduler}
        options={values.options}
        onChange={(options) => onChange({ options })}
      />
      {takesSteps(values.scheduler) && (
        <TextField
          title="steps"
          value={values.steps}
          placeholder="the pipeline's"
          inputMode="numeric"
          onChange={(steps) => onChange({ steps })}
        />
      )}
      {TAKES_ETA.includes(values.scheduler) && (
        <TextField
          title="eta, the share of fresh noise"
          value={values.eta}
          placeholder="its own"
          inputMode="decimal"
          onChange={(eta) => onChange({ eta })}
        />
      )}
      <TextField
        title="seed"
        value={values.seed}
        placeholder=""
        inputMode="numeric"
        onChange={(seed) => onChange({ seed })}
      />
      <label>
        pictures
        <input
          type="number"
          min="1"
          max={MOST_PICTURES}
          value={values.count}
          placeholder={String(usualCount(values))}
          onInput={({ currentTarget }) => onChange({ count: currentTarget.value })}
        />
      </label>
      <TextField
        title="walk between seeds"
        value={values.walk}
        placeholder="3, 7, 12"
        inputMode="text"
        onChange={(walk) => onChange({ walk })}
      />
      <label>
        computes on
        <select
          value={values.backend}
          onChange={({ currentTarget: { value } }) => {
            const backend = BACKENDS.find((name) => name === value);
            if (backend !== undefined) onChange({ backend });
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
            <select
              value={values.classLabel}
              onChange={({ currentTarget }) => onChange({ classLabel: currentTarget.value })}
            >
              <option value="">each in turn</option>
              {classes.value.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <TextField
            title="guidance"
            value={values.guidanceScale}
            placeholder="1"
            inputMode="decimal"
            onChange={(guidanceScale) => onChange({ guidanceScale })}
          />
        </>
      )}
    </>
  );
}
