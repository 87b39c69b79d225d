// What the pictures show, for models that draw what a prompt says. Runs do not: these are models that come from elsewhere.

import { TextField } from "../../parts/text_field.tsx";
import { LoraFields } from "./lora_fields.tsx";
import { StartFields } from "./start_fields.tsx";
import { hasPrompt, type Values } from "./values.ts";

export function PromptFields({
  values,
  onChange,
}: {
  readonly values: Values;
  readonly onChange: (change: Partial<Values>) => void;
}) {
  const { prompt, negativePrompt, promptGuidance, size, showsSteps } = values;
  return (
    <>
      <TextField
        title="prompt, for models that draw what it says"
        value={prompt}
        placeholder="an oil painting of a castle"
        onChange={(text) => onChange({ prompt: text })}
      />
      {hasPrompt(values) && (
        <>
          <TextField
            title="what they do not show"
            value={negativePrompt}
            onChange={(text) => onChange({ negativePrompt: text })}
          />
          <TextField
            title="guidance towards the prompt"
            value={promptGuidance}
            placeholder="7.5"
            inputMode="decimal"
            onChange={(text) => onChange({ promptGuidance: text })}
          />
          <TextField
            title="size in pixels"
            value={size}
            placeholder="the model's own, or 768x512"
            onChange={(text) => onChange({ size: text })}
          />
          <StartFields {...{ values, onChange }} />
          <LoraFields {...{ values, onChange }} />
          <label class="check">
            <input
              type="checkbox"
              checked={showsSteps}
              onChange={({ currentTarget: { checked } }) => onChange({ showsSteps: checked })}
            />
            show each step, which takes longer
          </label>
        </>
      )}
    </>
  );
}
