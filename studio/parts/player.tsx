// Plays pictures one after another, round and round.

import { useEffect, useState } from "preact/hooks";
import type { Pictures } from "../engine/messages.ts";
import { Picture } from "./picture.tsx";

/** Milliseconds of a picture. */
const PAUSE = 90;
/** Whoever wants less motion starts it. */
const moves = (): boolean => !matchMedia("(prefers-reduced-motion: reduce)").matches;

export function Player({ pictures }: { readonly pictures: Pictures }) {
  const [at, setAt] = useState(0);
  const [isPlaying, setPlaying] = useState(moves);
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => setAt((now) => (now + 1) % pictures.count), PAUSE);
    return () => clearInterval(timer);
  }, [isPlaying, pictures]);
  const index = Math.min(at, pictures.count - 1);
  return (
    <section class="player" aria-label="the walk">
      <Picture pictures={pictures} index={index} label={`frame ${index + 1} of ${pictures.count}`} />
      <div class="actions">
        <button type="button" onClick={() => setPlaying(!isPlaying)}>
          {isPlaying ? "pause" : "play"}
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
