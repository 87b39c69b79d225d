// Plays pictures one after another, round and round.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { delaysOf } from "../engine/film.ts";
import type { Pictures } from "../engine/messages.ts";
import { attempt } from "../state.ts";
import { download } from "./download.ts";
import { Picture } from "./picture.tsx";

/** Whoever wants less motion starts it. */
const moves = (): boolean => !matchMedia("(prefers-reduced-motion: reduce)").matches;

export function Player({
  pictures,
  name,
  file,
  holdsLast = false,
  children,
}: {
  readonly pictures: Pictures;
  readonly name: string;
  /** The name of the file that keeps it. */
  readonly file: string;
  /** Whether the last picture stays for a while. */
  readonly holdsLast?: boolean;
  readonly children?: ComponentChildren;
}) {
  const [at, setAt] = useState(0);
  const [isPlaying, setPlaying] = useState(moves);
  const index = Math.min(at, pictures.count - 1);
  useEffect(() => {
    if (!isPlaying) return;
    const delay = delaysOf(pictures, holdsLast)[index];
    const timer = setTimeout(() => setAt((index + 1) % pictures.count), delay);
    return () => clearTimeout(timer);
  }, [isPlaying, pictures, index]);
  const save = async (): Promise<void> => {
    const { filmFile } = await import("../engine/film_file.ts");
    download(await filmFile(pictures, holdsLast), file);
  };
  return (
    <section class="player" aria-label={name}>
      <Picture pictures={pictures} index={index} label={`frame ${index + 1} of ${pictures.count}`} />
      {children}
      <div class="actions">
        <button type="button" onClick={() => setPlaying(!isPlaying)}>
          {isPlaying ? "pause" : "play"}
        </button>
        <button type="button" onClick={() => attempt(save)}>
          save the film
        </button>
        <label class="film">
          frame
          <input
            type="range"
            min="0"
            max={pictures.count - 1}
            value={index}
            onInput={({ currentTarget }) => {
              setPlaying(false);
              setAt(Number(currentTarget.value));
            }}
          />
        </label>
      </div>
    </section>
  );
}
