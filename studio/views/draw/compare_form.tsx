// Chooses the samplers that are compared.

import { schedulerNames } from "imago";
import { useState } from "preact/hooks";

/** Unless others are chosen. */
const USUAL = ["ddpm", "ddim", "euler", "dpm++", "unipc"];

export function CompareForm({
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
