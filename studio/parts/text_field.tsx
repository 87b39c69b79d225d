// A line of text with its title, and why it was refused.

import { useId } from "preact/hooks";

export function TextField({
  title,
  value,
  placeholder = "",
  inputMode = "text",
  refused = null,
  onChange,
}: {
  readonly title: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly inputMode?: "text" | "numeric" | "decimal";
  readonly refused?: string | null;
  readonly onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{title}</label>
      <input
        type="text"
        {...{ id, value, placeholder, inputMode }}
        {...(refused !== null && { "aria-invalid": true, "aria-describedby": `${id}-refused` })}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
      {refused !== null && (
        <span id={`${id}-refused`} class="problem" role="alert">
          {refused}
        </span>
      )}
    </div>
  );
}
