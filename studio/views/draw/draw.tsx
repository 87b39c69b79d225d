// Draw with a run or a pipeline: the pictures come out of the noise before one's eyes.

import { useEffect, useState } from "preact/hooks";
import { compare, comparison } from "../../engine/comparison.ts";
import { cancel } from "../../engine/draw_client.ts";
import { draw, drawing } from "../../engine/drawing.ts";
import { droppedFiles } from "../../engine/given_files.ts";
import { DropZone } from "../../parts/drop_zone.tsx";
import { SamplerTable } from "../../parts/sampler_table.tsx";
import { about, attempt, chosen, findModels, runs } from "../../state.ts";
import { CompareForm } from "./compare_form.tsx";
import { DrawFields } from "./form.tsx";
import { changeBy } from "./given.ts";
import { Result } from "./result.tsx";
import { isRun, modelOf } from "./source.ts";
import { NO_VALUES, requestOf, type Values } from "./values.ts";

/** Pictures of each sampler that is compared. */
const COMPARED = 4;

export function Draw() {
  const usable = runs.value.filter(({ hasPipeline }) => hasPipeline);
  const first = usable.find(({ key }) => key === chosen.value) ?? usable[0];
  const [given, setGiven] = useState(NO_VALUES);
  // Once it is known that there is a server.
  useEffect(() => void findModels(), [about.value]);
  const values: Values = { ...given, source: given.source || (first?.key ?? "address") };
  const model = modelOf(values);
  const begin = (event: Event): void => {
    event.preventDefault();
    if (model === undefined) return;
    comparison.value = null;
    void draw(requestOf(model, values));
  };
  const isBusy = drawing.value !== null && !drawing.value.isOver;
  return (
    <DropZone
      onDrop={(dropped) =>
        void attempt(async () => {
          const change = await changeBy(await droppedFiles(dropped));
          if (change.image && isRun(values.source)) {
            throw new Error("runs start from no image; choose a model that draws what a prompt says first");
          }
          setGiven((now) => ({ ...now, ...change }));
        })
      }
    >
      <form class="panel form" onSubmit={begin} aria-label="a drawing">
        <h2>Draw</h2>
        <DrawFields
          {...{ values, usable }}
          onChange={(change) => setGiven((now) => ({ ...now, source: values.source, ...change }))}
        />
        <div class="actions">
          <button type="submit" class="main" disabled={model === undefined}>
            draw
          </button>
          <button
            type="button"
            onClick={() => setGiven((now) => ({ ...now, seed: String(Math.floor(Math.random() * 1e6)) }))}
          >
            another seed
          </button>
          {isBusy && (
            <button type="button" onClick={cancel}>
              stop
            </button>
          )}
        </div>
        <CompareForm
          isReady={model !== undefined}
          onCompare={(names) => {
            if (model === undefined) return;
            drawing.value = null;
            void compare(
              { ...requestOf(model, { ...values, walk: "", options: {} }), count: COMPARED },
              names,
            );
          }}
        />
      </form>
      {comparison.value !== null ? (
        <SamplerTable />
      ) : drawing.value === null ? (
        <p class="empty">Pictures are drawn in this page, by this machine.</p>
      ) : (
        <Result key={drawing.value.id} drawing={drawing.value} />
      )}
    </DropZone>
  );
}
