// File sizes in words.

/** Bytes in the unit a person would choose: "7.40 MB", "1.23 GB" (powers of ten). */
export function byteSize(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}
