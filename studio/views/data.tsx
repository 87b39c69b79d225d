// A data set as a wall of images: its labels, sizes, broken files and near-duplicates, and what augmentation does to it.

import { useState } from "preact/hooks";
import { blocks, dataSet, type OpenData, openData } from "../data_set.ts";
import { Augmentation } from "../parts/data/augmentation.tsx";
import { Broken } from "../parts/data/broken.tsx";
import { Duplicates } from "../parts/data/duplicates.tsx";
import { readDropped } from "../parts/data/given.ts";
import { ImageDialog } from "../parts/data/image_dialog.tsx";
import { Labels } from "../parts/data/labels.tsx";
import { SourceForm } from "../parts/data/source_form.tsx";
import { Summary } from "../parts/data/summary.tsx";
import { Wall } from "../parts/data/wall.tsx";
import { DropZone } from "../parts/drop_zone.tsx";
import { about, attempt } from "../state.ts";

export function Data() {
  if (about.value === undefined) return <p class="empty">Looking for the server.</p>;
  return (
    <DropZone onDrop={(dropped) => void attempt(() => readDropped(dropped))}>
      <SourceForm />
      <Read />
    </DropZone>
  );
}

function Read() {
  const set = dataSet.value;
  const data = openData.value;
  if (set === null) {
    return (
      <p class="empty">
        Look at images before you train on them: all of them on a wall, how many each class has, which files
        are broken, which look the same, and what augmentation makes of them.
      </p>
    );
  }
  if (set.problem !== null && data === null) {
    return (
      <p class="problem panel" role="alert">
        {set.problem}
      </p>
    );
  }
  if (data === null) {
    return (
      <div class="panel progress" role="status">
        <progress max={1} value={set.stage?.share ?? undefined} aria-label="reading" />
        <p>{set.stage?.text}</p>
      </div>
    );
  }
  return <Opened key={data.id} data={data} />;
}

function Opened({ data }: { readonly data: OpenData }) {
  const [larger, setLarger] = useState<number | null>(null);
  const { summary } = data;
  return (
    <article class="panel data" aria-label={summary.name}>
      <h2>{summary.name}</h2>
      <Summary summary={summary} />
      <Labels summary={summary} />
      <Wall size={summary.size} onOpen={(position) => blocks.value?.at(position) && setLarger(position)} />
      {larger !== null && (
        <ImageDialog data={data} position={larger} onMove={setLarger} onClose={() => setLarger(null)} />
      )}
      <Broken summary={summary} />
      <Augmentation data={data} />
      <Duplicates data={data} />
    </article>
  );
}
