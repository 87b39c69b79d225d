// The images of a data set as a wall: only what is seen is in the page. Arrow keys go from image to image.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { blocks, blocksVersion } from "../../data_set.ts";
import { Picture } from "../picture.tsx";
import { describe } from "./describe.ts";

/** Width of an image on the page at least, and what is between two (CSS pixels). */
const WIDTH = 72;
const GAP = 4;
/** Rows above and below what is seen that are in the page, too. */
const MORE_ROWS = 2;
/** What is passed in less time is not asked for (milliseconds). */
const SETTLE = 60;

interface Seen {
  readonly width: number;
  readonly height: number;
  readonly top: number;
}

export function Wall({
  size,
  onOpen,
}: {
  /** Of every image, in pixels. */
  readonly size: { readonly width: number; readonly height: number };
  readonly onOpen: (position: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const [{ width, height, top }, setSeen] = useState<Seen>({ width: 0, height: 0, top: 0 });
  const [active, setActive] = useState(0);
  /** The same at once: keys may come quicker than the page is drawn. */
  const at = useRef(0);
  const [pointed, setPointed] = useState<number | null>(null);
  /** Whether the active image is to be focused, once it is in the page. */
  const focuses = useRef(false);
  const own = blocks.value;
  void blocksVersion.value;
  const count = own?.part.count ?? 0;

  const columns = Math.max(1, Math.floor((width + GAP) / (WIDTH + GAP)));
  const across = (width - GAP * (columns - 1)) / columns;
  const down = across * Math.min(4, size.height / size.width) + GAP;
  const rows = Math.ceil(count / columns);
  const first = Math.max(0, Math.floor(top / down) - MORE_ROWS);
  const last = Math.min(rows - 1, Math.ceil((top + height) / down) + MORE_ROWS);

  useLayoutEffect(() => {
    const [outer, inner] = [box.current, list.current];
    if (outer === null || inner === null) return;
    const look = (): void =>
      setSeen({ width: inner.clientWidth, height: outer.clientHeight, top: outer.scrollTop });
    const observer = new ResizeObserver(look);
    observer.observe(outer);
    look();
    return () => observer.disconnect();
  }, []);
  // Another class begins at its first image.
  useEffect(() => {
    box.current?.scrollTo({ top: 0 });
    activate(0);
  }, [own]);
  useEffect(() => {
    const timer = setTimeout(() => own?.want(first * columns, (last + 1) * columns - 1), SETTLE);
    return () => clearTimeout(timer);
  }, [own, first, last, columns]);
  useLayoutEffect(() => {
    if (!focuses.current) return;
    focuses.current = false;
    box.current?.querySelector<HTMLElement>(`[data-position="${active}"]`)?.focus({ preventScroll: true });
  }, [active]);

  const activate = (position: number): void => {
    at.current = position;
    setActive(position);
  };
  const go = (to: number): void => {
    const position = Math.max(0, Math.min(count - 1, to));
    const { current } = box;
    if (current !== null) {
      const above = Math.floor(position / columns) * down;
      if (above < current.scrollTop) current.scrollTop = above;
      else if (above + down > current.scrollTop + height) current.scrollTop = above + down - height;
    }
    focuses.current = position !== at.current;
    activate(position);
  };
  const page = columns * Math.max(1, Math.floor(height / down) - 1);
  const steps: Readonly<Record<string, number>> = {
    ...{ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns },
    ...{ PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity },
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = at.current + step;
    // There is nothing above the first row and below the last.
    if (Math.abs(step) === columns && columns > 1 && (to < 0 || to >= count)) return;
    go(to);
  };

  const seen = Array.from({ length: Math.max(0, last - first + 1) * columns }, (_, i) => first * columns + i);
  // What has the focus stays in the page when it is scrolled away.
  const shown = [...new Set([...seen, active])].filter((position) => position < count);
  const told = own?.at(pointed ?? active);
  return (
    <>
      <div
        ref={box}
        class="wall"
        onScroll={({ currentTarget }) => setSeen({ width, height, top: currentTarget.scrollTop })}
        onPointerLeave={() => setPointed(null)}
      >
        <ul ref={list} aria-label="images" style={{ height: `${Math.max(0, rows * down - GAP)}px` }}>
          {shown.map((position) => {
            const image = own?.at(position);
            const label = image === undefined ? `image ${position + 1}` : describe(image.entry);
            return (
              <li
                key={position}
                aria-setsize={count}
                aria-posinset={position + 1}
                style={{
                  left: `${(position % columns) * (across + GAP)}px`,
                  top: `${Math.floor(position / columns) * down}px`,
                  width: `${across}px`,
                  height: `${down - GAP}px`,
                }}
              >
                <button
                  type="button"
                  data-position={position}
                  aria-label={label}
                  tabIndex={position === active ? 0 : -1}
                  onFocus={() => activate(position)}
                  onKeyDown={onKeyDown}
                  onClick={() => onOpen(position)}
                  onPointerEnter={() => setPointed(position)}
                >
                  {image && <Picture pictures={image.pictures} index={image.at} label={label} />}
                </button>
              </li>
            );
          })}
        </ul>
      </div>
      <p class="told quiet">{told === undefined ? " " : describe(told.entry)}</p>
    </>
  );
}
