// What the pictures show, for models that draw what a prompt says. Runs do not: these are models that come from elsewhere.

import { TextField } from "../../parts/text_field.tsx";
import type { Values } from "./values.ts";

export function PromptFields({
  values: { prompt, negativePrompt, promptGuidance },
  onChange,
}: {
  readonly values: Values;
  readonly onChange: (change: Partial<Values>) => void;
}) {
  return (
    <>
      <TextField
        title="prompt, for models that draw what it says"
        value={prompt}
        placeholder="an oil painting of a castle"
        onChange={(text) => onChange({ prompt: text })}
      />
      {prompt !== "" && (
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
        </>
      )}
    </>
  );
}
