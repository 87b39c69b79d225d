// What augmentation does to images: some of them, and what training would see of them in its epochs.

import { AUGMENT_LIMITS, AUGMENT_OPTIONS, type AugmentOptions, NO_AUGMENTATION } from "imago";
import { useState } from "preact/hooks";
import { augmentedImage, type OpenData } from "../../data_set.ts";
import { augmented } from "../../engine/data_client.ts";
import { Picture } from "../picture.tsx";
import { useLoaded } from "./use_loaded.ts";

type Name = (typeof AUGMENT_OPTIONS)[number];

/** What each option does, and the step of its slider. */
const OPTIONS: Readonly<
  Record<Name, { readonly flag: string; readonly help: string; readonly step: number }>
> = {
  randomCrop: { flag: "--random-crop", help: "cut up to this share of the side away", step: 0.01 },
  rotate: { flag: "--rotate", help: "turn by up to so many degrees", step: 1 },
  translate: { flag: "--translate", help: "shift by up to this share of the side", step: 0.01 },
  colorJitter: {
    ...{ flag: "--color-jitter", step: 0.01 },
    help: "change brightness, contrast, saturation, and hue a little",
  },
  augmentProbability: {
    ...{ flag: "--augment-probability", step: 0.01 },
    help: "move, turn and stretch, and tell the model, which then draws upright ones",
  },
};

/** Pictures in a row: an image as it is, and what it becomes. */
const COLUMNS = 6;
const FIRST = 8;
/** Rows of one image. */
const ROWS_OF_ONE = 3;
/** What is seen first: something of each kind. */
const BEGINNING: AugmentOptions = { ...NO_AUGMENTATION, randomCrop: 0.1, rotate: 10, colorJitter: 0.1 };

export function Augmentation({ data: { place, id, summary } }: { readonly data: OpenData }) {
  const [flip, setFlip] = useState(true);
  const [options, setOptions] = useState(BEGINNING);
  const [epoch, setEpoch] = useState(0);
  const one = augmentedImage.value;
  const images = one === null ? Array.from({ length: Math.min(FIRST, summary.count) }, (_, i) => i) : [one];
  const draws = one === null ? COLUMNS - 1 : ROWS_OF_ONE * COLUMNS - 1;
  const own = useLoaded(async () => {
    const [entries, pictures] = await Promise.all([
      place.entries(id, { images }),
      place.pictures(id, images),
    ]);
    return { entries, pictures, images };
  }, [place, id, images.join()]);
  const changed = useLoaded(async () => {
    if (own === null) return null;
    const epochs = Array.from({ length: draws }, (_, i) => epoch + i);
    const { channels, count } = summary;
    const { images: given, pictures } = own;
    const request = { pictures, channels, images: given, count, flip, options, epochs };
    return { own, epochs, pictures: await augmented(request) };
  }, [own, flip, options, epoch, draws]);
  const flags = [
    ...(flip ? ["--flip"] : []),
    ...AUGMENT_OPTIONS.filter((name) => options[name] > 0).map(
      (name) => `${OPTIONS[name].flag} ${options[name]}`,
    ),
  ];
  return (
    <section id="augmentation" aria-label="augmentation">
      <h3>What augmentation does</h3>
      <div class="augment">
        <div class="form">
          <label class="check">
            <input
              type="checkbox"
              checked={flip}
              onChange={({ currentTarget }) => setFlip(currentTarget.checked)}
            />
            --flip: mirror half of the images
          </label>
          {AUGMENT_OPTIONS.map((name) => (
            <div key={name}>
              <label for={`augment-${name}`}>
                <span class="option">
                  {OPTIONS[name].flag} <span class="value">{options[name]}</span>
                </span>
              </label>
              <input
                id={`augment-${name}`}
                type="range"
                min={0}
                max={AUGMENT_LIMITS[name]}
                step={OPTIONS[name].step}
                value={options[name]}
                aria-describedby={`augment-${name}-help`}
                onInput={({ currentTarget }) =>
                  setOptions({ ...options, [name]: Number(currentTarget.value) })
                }
              />
              <span id={`augment-${name}-help`} class="help quiet">
                {OPTIONS[name].help}
              </span>
            </div>
          ))}
        </div>
        <div>
          <div class="actions">
            <button type="button" class="main" onClick={() => setEpoch(epoch + draws)}>
              another draw
            </button>
            <button
              type="button"
              onClick={() => {
                setFlip(false);
                setOptions(NO_AUGMENTATION);
              }}
            >
              none
            </button>
            {one !== null && (
              <button
                type="button"
                onClick={() => {
                  augmentedImage.value = null;
                }}
              >
                the first images
              </button>
            )}
          </div>
          <p class="quiet">
            {one === null ? "Each row begins with an image as it is" : "The first is the image as it is"},
            followed by what a training with seed 0 sees in its epochs {epoch + 1} to {epoch + draws}.
          </p>
          {changed !== null && (
            <div class="pictures" style={{ "--columns": COLUMNS }}>
              {changed.own.entries.flatMap(({ name, index }, n) => [
                <Picture
                  key={`${index} own`}
                  pictures={changed.own.pictures}
                  index={n}
                  label={`${name}, as it is`}
                />,
                ...changed.epochs.map((of, e) => (
                  <Picture
                    key={`${index} ${e}`}
                    pictures={changed.pictures}
                    index={n * changed.epochs.length + e}
                    label={`${name}, epoch ${of + 1}`}
                  />
                )),
              ])}
            </div>
          )}
          <p>
            <code>
              imago train
              {flags.map((flag) => [" ", <span key={flag}>{flag}</span>])}
            </code>
          </p>
        </div>
      </div>
    </section>
  );
}
