// LoRAs that take part in a drawing, and how strong each is: those of the server's folder, and the user's own.

import { models } from "../../state.ts";
import type { Values } from "./values.ts";

export function LoraFields({
  values: { loras, ownLoras },
  onChange,
}: {
  readonly values: Values;
  readonly onChange: (change: Partial<Values>) => void;
}) {
  const names = [...models.value.loras, ...ownLoras.map(({ name }) => name)];
  const chosen = names.filter((name) => Object.hasOwn(loras, name)).length;
  const without = (name: string) =>
    Object.fromEntries(Object.entries(loras).filter(([other]) => other !== name));
  return (
    <details>
      <summary>
        LoRAs
        {chosen > 0 && `, ${chosen} chosen`}
      </summary>
      <div class="loras">
        {names.map((name) => (
          <div key={name} class="lora">
            <label>
              <input
                type="checkbox"
                checked={Object.hasOwn(loras, name)}
                onChange={({ currentTarget: { checked } }) =>
                  onChange({ loras: checked ? { ...loras, [name]: "" } : without(name) })
                }
              />
              {name}
            </label>
            {Object.hasOwn(loras, name) && (
              <input
                type="text"
                inputMode="decimal"
                aria-label={`weight of ${name}`}
                placeholder="1"
                value={loras[name]}
                onInput={({ currentTarget: { value } }) => onChange({ loras: { ...loras, [name]: value } })}
              />
            )}
          </div>
        ))}
        <label>
          a LoRA of this computer (.safetensors)
          <input
            type="file"
            accept=".safetensors"
            onChange={({ currentTarget: { files } }) => {
              const file = files?.[0];
              if (file === undefined) return;
              const others = ownLoras.filter(({ name }) => name !== file.name);
              onChange({ ownLoras: [...others, file], loras: { ...loras, [file.name]: "" } });
            }}
          />
        </label>
      </div>
    </details>
  );
}
