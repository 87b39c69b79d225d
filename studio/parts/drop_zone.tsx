// A view on which files can be dropped. Whoever has no pointer chooses them in its form.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export function DropZone({
  onDrop,
  children,
}: {
  readonly onDrop: (dropped: DataTransfer) => void;
  readonly children: ComponentChildren;
}) {
  const [isOver, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files are dropped on it, which needs no role
    <div
      class={`columns dropping ${isOver ? "over" : ""}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        if (event.dataTransfer !== null) onDrop(event.dataTransfer);
      }}
    >
      {children}
    </div>
  );
}
