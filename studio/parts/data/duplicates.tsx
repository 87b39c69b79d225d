// Images that look alike, side by side.

import { useState } from "preact/hooks";
import { dataSet, type OpenData } from "../../data_set.ts";
import { MOST_AT_ONCE, type Near } from "../../places/data_place.ts";
import { Picture } from "../picture.tsx";
import { describe } from "./describe.ts";
import { type NearGroup, nearGroups } from "./near_groups.ts";
import { count } from "./summary.tsx";
import { useLoaded } from "./use_loaded.ts";

/** Groups that are shown at first, and that come with "more". */
const GROUPS = 6;
/** Images of a group that are shown. */
const MOST_OF_GROUP = 8;
const SIDE = 192;

export function Duplicates({ data }: { readonly data: OpenData }) {
  const near = dataSet.value?.near ?? null;
  const stage = dataSet.value?.stage ?? null;
  return (
    <section aria-label="near-duplicates">
      <h3>Near-duplicates</h3>
      {near !== null ? (
        <Groups data={data} near={near} />
      ) : stage === null ? (
        <p class="problem">{dataSet.value?.problem}</p>
      ) : (
        <label>
          {stage.text}
          <progress max={1} value={stage.share ?? 0} />
        </label>
      )}
    </section>
  );
}

function Groups({ data, near }: { readonly data: OpenData; readonly near: Near }) {
  const [most, setMost] = useState(GROUPS);
  if (near.count === 0) return <p class="quiet">None: no two images look the same ({near.judgedBy}).</p>;
  const groups = nearGroups(near.pairs);
  return (
    <>
      <p class="quiet">
        {near.isComplete ? "" : "More than "}
        {count(near.count)} {near.count === 1 ? "pair looks" : "pairs look"} the same at this size (
        {near.judgedBy}). Look before you delete any.
      </p>
      <ul class="groups">
        {groups.slice(0, most).map((group) => (
          <Group key={group.images[0]} {...{ data, group }} />
        ))}
      </ul>
      {groups.length > most && (
        <button type="button" onClick={() => setMost(most + GROUPS)}>
          more of {count(groups.length)} groups
        </button>
      )}
      {near.count > near.pairs.length && (
        <p class="quiet">The first {count(near.pairs.length)} pairs are shown.</p>
      )}
    </>
  );
}

function Group({
  data: { place, id },
  group: { images, least, most },
}: {
  readonly data: OpenData;
  readonly group: NearGroup;
}) {
  const some = images.slice(0, Math.min(MOST_OF_GROUP, MOST_AT_ONCE));
  const loaded = useLoaded(async () => {
    const [entries, pictures] = await Promise.all([
      place.entries(id, { images: some }),
      place.pictures(id, some, SIDE),
    ]);
    return { entries, pictures };
  }, [place, id, some.join()]);
  const distance = least === most ? `${least}` : `${least} to ${most}`;
  return (
    <li>
      <div class="alike">
        {loaded?.entries.map((entry, n) => (
          <figure key={entry.index}>
            <Picture pictures={loaded.pictures} index={n} label={describe(entry)} />
            <figcaption title={describe(entry)}>{entry.name}</figcaption>
          </figure>
        ))}
      </div>
      <p class="quiet">
        {images.length > some.length ? `${count(images.length)} images, ` : ""}
        {distance} of 256 bits apart
      </p>
    </li>
  );
}
