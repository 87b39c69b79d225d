// Pieces of WGSL that kernels share: numbers and indices.

/** A float in WGSL. Infinities and NaN, which constants may not be, come from bits that the compiler does not know. */
export function float(value: number): string {
  const single = Math.fround(value);
  if (Number.isFinite(single)) return single < 0 || Object.is(single, -0) ? `(-${-single}f)` : `${single}f`;
  if (Number.isNaN(single)) return "bitcast<f32>(nan_bits)";
  return single > 0 ? "bitcast<f32>(infinity_bits)" : "(-bitcast<f32>(infinity_bits))";
}

/** The sum of terms, without those that are zero. */
export const sum = (terms: readonly string[]): string => {
  const shown = terms.filter((term) => term !== "0u");
  return shown.length === 0 ? "0u" : shown.join(" + ");
};

/** index * stride, for a whole stride. */
export const times = (index: string, stride: number): string =>
  stride === 0 ? "0u" : stride === 1 ? index : `${index} * ${stride}u`;

/**
 * Statements that take an index apart into coordinates.
 * @param sizes of the axes, outermost first
 * @returns the names of the coordinates, and the statements that define them
 */
export function coordinates(
  prefix: string,
  index: string,
  sizes: readonly number[],
): { readonly names: readonly string[]; readonly code: string } {
  const names = sizes.map((size, axis) => (size === 1 ? "0u" : `${prefix}${axis}`));
  const lines: string[] = [];
  let rest = index;
  const last = sizes.findIndex((size) => size !== 1);
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const size = sizes[axis];
    if (size === 1) continue;
    if (axis === last) {
      lines.push(`let ${names[axis]} = ${rest};`);
      break;
    }
    lines.push(`let ${names[axis]} = ${rest} % ${size}u;`, `let ${prefix}rest${axis} = ${rest} / ${size}u;`);
    rest = `${prefix}rest${axis}`;
  }
  return { names, code: lines.join("\n") };
}
