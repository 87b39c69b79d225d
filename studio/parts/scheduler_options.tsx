// The options of a scheduler, or of a sampler that chooses its steps, by their own names.

import { isSamplerName, isSchedulerName, makeSampler, makeScheduler } from "imago";
import { TextField } from "./text_field.tsx";

export function SchedulerOptions({
  scheduler,
  options,
  onChange,
}: {
  readonly scheduler: string;
  /** Those that are given, as they are typed. */
  readonly options: Readonly<Record<string, string>>;
  readonly onChange: (options: Readonly<Record<string, string>>) => void;
}) {
  const usual = usualOf(scheduler);
  if (usual.length === 0) return null;
  const given = Object.values(options).filter((text) => text !== "").length;
  return (
    <details>
      <summary>
        options of {scheduler}
        {given > 0 && `, ${given} given`}
      </summary>
      <div class="options">
        {usual.map(([name, value]) =>
          typeof value === "boolean" ? (
            <label key={name}>
              {name}
              <select
                value={options[name] ?? ""}
                onChange={({ currentTarget }) => onChange({ ...options, [name]: currentTarget.value })}
              >
                <option value="">as it is ({String(value)})</option>
                <option value="true">true</option>
                <option value="false">false</option>
              </select>
            </label>
          ) : (
            <TextField
              key={name}
              title={name}
              value={options[name] ?? ""}
              placeholder={value === null ? "none" : String(value)}
              inputMode={typeof value === "number" ? "decimal" : "text"}
              onChange={(text) => onChange({ ...options, [name]: text })}
            />
          ),
        )}
      </div>
    </details>
  );
}

/** Options that belong to the model, and are not another way to draw with it. */
const OF_THE_MODEL = /^(beta|trainedBetas|numTrainTimesteps|predictionType|rescaleBetas|sigmaM|sigmaData)/;

/** Each option with its default; the pipeline's own values come before these. */
function usualOf(scheduler: string): [string, unknown][] {
  const config = isSchedulerName(scheduler)
    ? makeScheduler(scheduler).config
    : isSamplerName(scheduler)
      ? makeSampler(scheduler).config
      : {};
  return Object.entries(config).filter(
    ([name, value]) =>
      (value === null || typeof value !== "object") && !OF_THE_MODEL.test(name) && name !== "steps",
  );
}
