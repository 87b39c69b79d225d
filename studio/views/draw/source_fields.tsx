// Chooses what draws: a run and one of its checkpoints, a folder, an address.

import { useEffect, useState } from "preact/hooks";
import { chosenFiles } from "../../engine/given_files.ts";
import { TextField } from "../../parts/text_field.tsx";
import { type PlacedRun, readDetails } from "../../state.ts";
import { folderOf, isOther, OTHERS, type Values } from "./values.ts";

export function SourceFields({
  values,
  usable,
  onChange,
}: {
  readonly values: Values;
  /** The runs that can draw. */
  readonly usable: readonly PlacedRun[];
  readonly onChange: (change: Partial<Values>) => void;
}) {
  const { source, checkpoint, address, folder } = values;
  const checkpoints = useCheckpoints(isOther(source) ? null : source);
  return (
    <>
      <label>
        with
        <select
          value={source}
          onChange={({ currentTarget }) => onChange({ source: currentTarget.value, checkpoint: "" })}
        >
          {usable.map(({ key, name }) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
          {Object.entries(OTHERS).map(([name, title]) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {source === "address" && (
        <TextField
          title="its address, or hf:OWNER/NAME"
          value={address}
          onChange={(text) => onChange({ address: text })}
        />
      )}
      {source === "folder" && (
        <label>
          a pipeline's folder, with model_index.json; or drop it on this page
          {folder !== null && ` (${folder.files.length} files given)`}
          <input
            type="file"
            multiple
            {...{ webkitdirectory: true }}
            onChange={({ currentTarget: { files } }) =>
              onChange({ folder: folderOf(chosenFiles(files ?? [])) })
            }
          />
        </label>
      )}
      {checkpoints.length > 0 && (
        <label>
          weights
          <select
            value={checkpoint}
            onChange={({ currentTarget }) => onChange({ checkpoint: currentTarget.value })}
          >
            <option value="">the last</option>
            {checkpoints.map((step) => (
              <option key={step} value={String(step)}>
                after step {step}
              </option>
            ))}
          </select>
        </label>
      )}
    </>
  );
}

/** The steps of a run's checkpoints. */
function useCheckpoints(key: string | null): readonly number[] {
  const [found, setFound] = useState<{ readonly key: string; readonly steps: readonly number[] } | null>(
    null,
  );
  useEffect(() => {
    if (key === null || key === "") return;
    readDetails(key).then(
      ({ checkpoints }) => setFound({ key, steps: checkpoints }),
      () => undefined,
    );
  }, [key]);
  return found !== null && found.key === key ? found.steps : [];
}
