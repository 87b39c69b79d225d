// Chooses what draws: a run and one of its checkpoints, a model of the server, a folder, a single file, an address.

import { useEffect, useState } from "preact/hooks";
import { chosenFiles } from "../../engine/given_files.ts";
import { TextField } from "../../parts/text_field.tsx";
import { attempt, models, type PlacedRun, readDetails } from "../../state.ts";
import { besideAmong, given, OWN_TOKENIZER } from "./given.ts";
import { isRun, keyOfModel, OTHERS, singleFileOf } from "./source.ts";
import type { Values } from "./values.ts";

const titleOf = (name: string): string => (name === "./" ? "this folder" : name);

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
  const { source, checkpoint, address, folder, file } = values;
  const checkpoints = useCheckpoints(isRun(source) ? source : null);
  const { pipelines, files } = models.value;
  const single = singleFileOf(values);
  return (
    <>
      <label>
        with
        <select
          value={source}
          onChange={({ currentTarget }) =>
            onChange({ source: currentTarget.value, checkpoint: "", tokenizer: "" })
          }
        >
          {usable.length > 0 && (
            <optgroup label="runs">
              {usable.map(({ key, name }) => (
                <option key={key} value={key}>
                  {name}
                </option>
              ))}
            </optgroup>
          )}
          {pipelines.length + files.length > 0 && (
            <optgroup label="models beside them">
              {pipelines.map(({ name }) => (
                <option key={name} value={keyOfModel(name)}>
                  {titleOf(name)}
                </option>
              ))}
              {files.map(({ name, title }) => (
                <option key={name} value={keyOfModel(name)}>
                  {name} ({title})
                </option>
              ))}
            </optgroup>
          )}
          <optgroup label="others">
            {Object.entries(OTHERS).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </optgroup>
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
              onChange({ folder: given("folder", chosenFiles(files ?? [])) })
            }
          />
        </label>
      )}
      {source === "file" && (
        <label>
          a file of Stable Diffusion (.safetensors); or drop it on this page
          {file !== null && ` (${file.files[0].path} given)`}
          <input
            type="file"
            accept=".safetensors"
            onChange={({ currentTarget: { files } }) =>
              files?.length === 1 && onChange({ file: given("file", chosenFiles(files)) })
            }
          />
        </label>
      )}
      {single !== undefined && <TokenizerFields {...{ values, onChange }} beside={single.beside} />}
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

/** A single file is without its vocabulary. */
function TokenizerFields({
  values: { tokenizer, ownTokenizer },
  beside,
  onChange,
}: {
  readonly values: Values;
  readonly beside: string | null;
  readonly onChange: (change: Partial<Values>) => void;
}) {
  const choose = (files: FileList | null): void =>
    void attempt(async () => {
      const found = besideAmong(chosenFiles(files ?? []));
      if (found === undefined) {
        throw new Error(
          "this folder holds no tokenizer (tokenizer.json, or vocab.json and merges.txt); choose another",
        );
      }
      onChange({ ownTokenizer: found });
    });
  return (
    <>
      <label>
        its tokenizer
        <select
          value={tokenizer}
          onChange={({ currentTarget }) => onChange({ tokenizer: currentTarget.value })}
        >
          <option value="">{beside === null ? "choose one" : "the one beside it"}</option>
          {models.value.tokenizers.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
          <option value={OWN_TOKENIZER}>a folder of this computer</option>
          {models.value.pipelines.length > 0 && (
            <optgroup label="tokenizer and configs of">
              {models.value.pipelines.map(({ name }) => (
                <option key={name} value={keyOfModel(name)}>
                  {titleOf(name)}
                </option>
              ))}
            </optgroup>
          )}
        </select>
      </label>
      {tokenizer === OWN_TOKENIZER && (
        <label>
          the folder "tokenizer" of a pipeline, or all of the pipeline for its configs too
          {ownTokenizer !== null && ` (${ownTokenizer.files.length} files given)`}
          <input
            type="file"
            multiple
            {...{ webkitdirectory: true }}
            onChange={({ currentTarget: { files } }) => choose(files)}
          />
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
