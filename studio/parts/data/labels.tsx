// The classes of a data set, with how many images each has; one is chosen to see its images alone.

import { shownLabel } from "../../data_set.ts";
import type { DataSummary } from "../../places/data_place.ts";
import { count } from "./summary.tsx";

export function Labels({ summary: { labels, count: all } }: { readonly summary: DataSummary }) {
  if (labels === null) return null;
  const { listed, classes } = labels;
  const most = Math.max(1, ...listed.map((one) => one.count));
  return (
    <section class="labels" aria-label="classes">
      <ul>
        <li>
          <Label name="all" of={all} share={0} label={null} />
        </li>
        {listed.map(({ label, name, count: of }) => (
          <li key={label}>
            <Label {...{ name, of, label }} share={of / most} />
          </li>
        ))}
      </ul>
      {classes > listed.length && (
        <p class="quiet">and {count(classes - listed.length)} more classes, with fewer images</p>
      )}
    </section>
  );
}

function Label({
  name,
  of,
  share,
  label,
}: {
  readonly name: string;
  readonly of: number;
  /** Of the largest class. */
  readonly share: number;
  readonly label: number | null;
}) {
  return (
    <button
      type="button"
      aria-pressed={shownLabel.value === label}
      style={{ "--share": `${Math.round(100 * share)}%` }}
      onClick={() => {
        shownLabel.value = label;
      }}
    >
      {name} <span>{count(of)}</span>
    </button>
  );
}
