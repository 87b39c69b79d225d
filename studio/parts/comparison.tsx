// The settings in which runs differ, side by side; of one run, its settings.

import { useEffect, useState } from "preact/hooks";
import { type PlacedDetails, readDetails } from "../state.ts";

export function Comparison({ keys }: { readonly keys: readonly string[] }) {
  const [runs, setRuns] = useState<readonly PlacedDetails[]>([]);
  const all = keys.join("\n");
  useEffect(() => {
    let isCurrent = true;
    Promise.all(keys.map(readDetails)).then(
      (found) => isCurrent && setRuns(found),
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [all]);
  if (runs.length === 0) return null;
  const rows = settingRows(runs.map(({ config }) => config));
  return (
    <details class="settings" open={runs.length > 1}>
      <summary>{runs.length > 1 ? "settings that differ" : "settings"}</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">setting</th>
              {runs.map(({ key, name }) => (
                <th key={key} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([setting, values]) => (
              <tr key={setting}>
                <th scope="row">{setting}</th>
                {values.map((value, i) => (
                  <td key={runs[i].key}>{value}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** Characters of a value that are shown. */
const SHOWN = 60;

/** Each setting with its value in each run; of several runs, only those that differ. */
export function settingRows(configs: readonly Readonly<Record<string, unknown>>[]): [string, string[]][] {
  const flat = configs.map((config) => new Map(flatten("", config)));
  const names = new Set(flat.flatMap((settings) => [...settings.keys()]));
  return [...names].flatMap((name): [string, string[]][] => {
    const values = flat.map((settings) => settings.get(name) ?? "");
    return configs.length > 1 && values.every((value) => value === values[0]) ? [] : [[name, values]];
  });
}

function flatten(prefix: string, value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const text = JSON.stringify(value) ?? "";
    return [[prefix, text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text]];
  }
  return Object.entries(value).flatMap(([name, inner]) =>
    flatten(prefix === "" ? name : `${prefix}.${name}`, inner),
  );
}
