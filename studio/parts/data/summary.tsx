// What a data set is made of, in numbers.

import type { DataSummary } from "../../places/data_place.ts";

const CHANNELS = { 1: "gray", 3: "RGB", 4: "RGB and transparency" } as const;
export const count = (value: number): string => value.toLocaleString("en-US");
const sizeText = ([width, height]: readonly [number, number]): string => `${width} x ${height}`;

export function Summary({ summary }: { readonly summary: DataSummary }) {
  const { size, channels, originals, labels, broken } = summary;
  const facts: [string, string][] = [
    ["images", count(summary.count)],
    ["read as", `${size.width} x ${size.height} px, ${CHANNELS[channels]}`],
    ["classes", labels === null ? "no labels" : count(labels.classes)],
  ];
  if (originals !== null) {
    const { smallest, largest, usual, kinds } = originals;
    facts.push(
      ["smallest", sizeText(smallest)],
      ["largest", sizeText(largest)],
      ["most often", `${sizeText(usual.size)} (${count(usual.count)})`],
      [
        "formats",
        Object.entries(kinds)
          .map(([kind, of]) => `${kind}: ${count(of)}`)
          .join("; "),
      ],
      ["broken files", count(broken.files)],
    );
  }
  return (
    <>
      <dl aria-label="what the images are">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {summary.warnings.map((warning) => (
        <p key={warning} class="quiet">
          {warning}
        </p>
      ))}
    </>
  );
}
