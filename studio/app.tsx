// The frame around the views: their names, and what went wrong.

import type { FunctionComponent } from "preact";
import { about, DOCS, hasDocs, problem, VIEWS, type View, view } from "./state.ts";
import { Data } from "./views/data.tsx";
import { Draw } from "./views/draw/draw.tsx";
import { Learn } from "./views/learn/learn.tsx";
import { RunsView } from "./views/runs.tsx";
import { Train } from "./views/train.tsx";

const VIEW_PARTS: Readonly<Record<View, { readonly title: string; readonly part: FunctionComponent }>> = {
  train: { title: "Train", part: Train },
  data: { title: "Data", part: Data },
  runs: { title: "Runs", part: RunsView },
  draw: { title: "Draw", part: Draw },
  learn: { title: "Learn", part: Learn },
};

export function App() {
  const { part: Part, title } = VIEW_PARTS[view.value];
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        to the content
      </button>
      <header>
        <h1>
          <img src="./icon.svg" alt="" width="28" height="28" /> Imago studio
        </h1>
        <nav aria-label="views">
          {VIEWS.map((name) => (
            <a key={name} href={`#${name}`} aria-current={view.value === name ? "page" : undefined}>
              {VIEW_PARTS[name].title}
            </a>
          ))}
          {hasDocs.value && <a href={DOCS}>Docs</a>}
        </nav>
        <p class="where">
          {about.value ? about.value.runs : about.value === null ? "this browser alone" : ""}
        </p>
      </header>
      {problem.value !== null && (
        <div class="problem" role="alert">
          <span>{problem.value}</span>
          <button
            type="button"
            onClick={() => {
              problem.value = null;
            }}
          >
            dismiss
          </button>
        </div>
      )}
      <main id="main" tabIndex={-1} aria-label={title}>
        <Part />
      </main>
    </>
  );
}
