// An image of the wall, larger, with what is known of it.

import { useEffect, useRef } from "preact/hooks";
import { augmentedImage, blocks, type OpenData } from "../../data_set.ts";
import { Picture } from "../picture.tsx";
import { originalText } from "./describe.ts";
import { count } from "./summary.tsx";
import { useLoaded } from "./use_loaded.ts";

export function ImageDialog({
  data: { place, id },
  position,
  onMove,
  onClose,
}: {
  readonly data: OpenData;
  /** On the wall. */
  readonly position: number;
  readonly onMove: (position: number) => void;
  readonly onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const part = blocks.value?.part;
  const all = part?.count ?? 0;
  useEffect(() => dialog.current?.showModal(), []);
  const image = useLoaded(async () => {
    const [entry] = await place.entries(id, { from: position, count: 1, label: part?.label ?? null });
    return { position, entry, pictures: await place.pictures(id, [entry.index]) };
  }, [place, id, part, position]);
  const move = (step: number): void => onMove(Math.max(0, Math.min(all - 1, position + step)));
  const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };
  return (
    <dialog
      ref={dialog}
      class="larger"
      aria-label="an image"
      onClose={onClose}
      onClick={({ target, currentTarget }) => {
        if (target === currentTarget) currentTarget.close();
      }}
      onKeyDown={({ key }) => {
        const step = steps[key];
        if (step !== undefined) move(step);
      }}
    >
      <article>
        {image === null ? (
          <p role="status">reading</p>
        ) : (
          <>
            <h2>{image.entry.name}</h2>
            <Picture
              pictures={image.pictures}
              index={0}
              label={`${image.entry.name}, as the model sees it`}
            />
            <dl>
              {image.entry.label !== null && (
                <div>
                  <dt>class</dt>
                  <dd>{image.entry.label}</dd>
                </div>
              )}
              <div>
                <dt>original</dt>
                <dd>{originalText(image.entry)}</dd>
              </div>
              <div>
                <dt>shown as read</dt>
                <dd>
                  {image.pictures.width} x {image.pictures.height}
                </dd>
              </div>
              <div>
                <dt>place</dt>
                <dd>
                  {count(image.position + 1)} of {count(all)}
                </dd>
              </div>
            </dl>
          </>
        )}
        <div class="actions">
          <button type="button" disabled={position === 0} onClick={() => move(-1)}>
            back
          </button>
          <button type="button" disabled={position >= all - 1} onClick={() => move(1)}>
            next
          </button>
          <button
            type="button"
            disabled={image === null}
            onClick={() => {
              augmentedImage.value = image?.entry.index ?? null;
              dialog.current?.close();
              document.getElementById("augmentation")?.scrollIntoView({ block: "start" });
            }}
          >
            augment it
          </button>
          <button type="button" class="main" onClick={() => dialog.current?.close()}>
            close
          </button>
        </div>
      </article>
    </dialog>
  );
}
