// A line of text with its title.

export function TextField({
  title,
  value,
  placeholder = "",
  inputMode = "text",
  onChange,
}: {
  readonly title: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly inputMode?: "text" | "numeric" | "decimal";
  readonly onChange: (value: string) => void;
}) {
  return (
    <label>
      {title}
      <input
        type="text"
        {...{ value, placeholder, inputMode }}
        onInput={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </label>
  );
}
