// Files or a folder of this device, chosen by the user.

import type { PlacedFile } from "imago/browser";
import { chosenFiles } from "../engine/given_files.ts";

export function FileFields({
  given,
  without,
  onChange,
}: {
  /** How many were given before. */
  readonly given: number;
  /** What is taken where none are given. */
  readonly without?: string;
  readonly onChange: (files: readonly PlacedFile[]) => void;
}) {
  const choose = (files: FileList | null): void => {
    if (files !== null && files.length > 0) onChange(chosenFiles(files));
  };
  return (
    <>
      <label>
        files
        <input type="file" multiple onChange={({ currentTarget }) => choose(currentTarget.files)} />
      </label>
      <label>
        a folder
        <input
          type="file"
          {...{ webkitdirectory: true }}
          onChange={({ currentTarget }) => choose(currentTarget.files)}
        />
      </label>
      <p class="quiet">
        Or drop them anywhere on this page. They stay on this device
        {given > 0 ? `; ${given} given.` : without === undefined ? "." : `. None: ${without}.`}
      </p>
    </>
  );
}
