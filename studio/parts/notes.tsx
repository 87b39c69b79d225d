// A person's notes of a run, kept in its folder.

import { useState } from "preact/hooks";
import { attempt, PLACES, type PlacedDetails } from "../state.ts";

export function Notes({ run: { place, name, notes: text } }: { readonly run: PlacedDetails }) {
  const [written, setWritten] = useState(text);
  const [saved, setSaved] = useState(text);
  return (
    <section class="notes">
      <label>
        notes
        <textarea
          rows={3}
          maxLength={50_000}
          value={written}
          onInput={({ currentTarget }) => setWritten(currentTarget.value)}
        />
      </label>
      <button
        type="button"
        disabled={written === saved}
        onClick={() =>
          attempt(async () => {
            await PLACES[place].saveNotes(name, written);
            setSaved(written);
          })
        }
      >
        {written === saved ? "saved" : "save"}
      </button>
    </section>
  );
}
