// Numbers as people read them.

/** 2 min 5 s. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Three digits that count. */
export const short = (value: unknown): string =>
  typeof value === "number" && Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "";

/** "128 px" or "96 x 128 px". */
export const sizeText = (size: number | { readonly width: number; readonly height: number }): string =>
  typeof size === "number" || size.width === size.height
    ? `${typeof size === "number" ? size : size.width} px`
    : `${size.width} x ${size.height} px`;
