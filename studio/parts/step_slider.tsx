// A slider over the steps of a run or a drawing.

export function StepSlider({
  label,
  step,
  last,
  index,
  onChange,
}: {
  readonly label: string;
  /** That is shown. */
  readonly step: number;
  /** Index of the last one, and of the one that is shown. */
  readonly last: number;
  readonly index: number;
  readonly onChange: (index: number) => void;
}) {
  return (
    <label class="film">
      {label}
      <input
        type="range"
        min="0"
        max={last}
        value={index}
        disabled={last === 0}
        aria-valuetext={`step ${step}`}
        onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
      />
    </label>
  );
}
