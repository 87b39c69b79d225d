// An image that the pictures of a prompt start from, and the part of it that is drawn anew.

import { useRef } from "preact/hooks";
import { type Mask, MaskCanvas } from "../../parts/mask_canvas.tsx";
import { TextField } from "../../parts/text_field.tsx";
import { attempt } from "../../state.ts";
import { imageOf } from "./given.ts";
import type { Values } from "./values.ts";

/** Undefined where nothing is painted: then all of the image is drawn anew. */
const painted = (mask: Mask): Mask | null => (mask.includes(0) ? mask : null);

export function StartFields({
  values: { image, mask, strength },
  onChange,
}: {
  readonly values: Values;
  readonly onChange: (change: Partial<Values>) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const choose = (of: HTMLInputElement, change: (file: File) => Promise<Partial<Values>>): void => {
    const file = of.files?.[0];
    if (file === undefined) return;
    void attempt(async () => {
      try {
        onChange(await change(file));
      } catch (error) {
        // It can be chosen again once it is another.
        of.value = "";
        throw error;
      }
    });
  };
  const leaveOut = (): void => {
    if (input.current !== null) input.current.value = "";
    onChange({ image: null, mask: null, strength: "" });
  };
  return (
    <fieldset class="group">
      <legend>from an image</legend>
      <label>
        an image to start from; or drop it on this page
        {image !== null && ` (${image.file.name} given)`}
        <input
          ref={input}
          type="file"
          accept="image/*"
          onChange={({ currentTarget }) =>
            choose(currentTarget, async (file) => ({ image: await imageOf(file), mask: null }))
          }
        />
      </label>
      {image !== null && (
        <>
          <TextField
            title="strength: how much is drawn anew, 0 to 1"
            value={strength}
            placeholder={mask === null ? "0.8, of XL 0.3" : "1"}
            inputMode="decimal"
            onChange={(text) => onChange({ strength: text })}
          />
          <p class="quiet">Paint over what is drawn anew; without that, all of it is.</p>
          <MaskCanvas
            key={image.preview}
            pictures={image.preview}
            index={0}
            onPaint={(next) => onChange({ mask: painted(next) })}
          />
          <label>
            or a mask: an image, white where it is drawn anew
            {mask instanceof File && ` (${mask.name} given)`}
            <input
              type="file"
              accept="image/*"
              onChange={({ currentTarget }) =>
                choose(currentTarget, async (file) => ({ mask: (await imageOf(file)).file }))
              }
            />
          </label>
          <div class="actions">
            <button type="button" onClick={leaveOut}>
              without the image
            </button>
          </div>
        </>
      )}
    </fieldset>
  );
}
