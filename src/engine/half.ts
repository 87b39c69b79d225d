// The two 16-bit floating-point formats of checkpoints, to and from float32.
// float16: IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits). bfloat16: the upper half of a float32.
// Writing rounds to nearest, ties to even, as torch does; NaN stays NaN, too large becomes infinity.

import * as exact from "./math/index.ts";

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

let halfTable: Float32Array | undefined;

/** float16 bit patterns -> float32, exactly. */
export function halfToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  halfTable ??= makeHalfTable();
  const out = new Float32Array(halves.length);
  for (let i = 0; i < out.length; i++) out[i] = halfTable[halves[i]];
  return out;
}

/** bfloat16 bit patterns -> float32, exactly. */
export function bfloat16ToFloat32(values: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = values[i] << 16;
  return new Float32Array(bits.buffer);
}

/** float32 -> float16 bit patterns. */
export function float32ToHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  const patterns = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < out.length; i++) {
    const bits = patterns[i];
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude < SMALLEST_NORMAL) out[i] = sign | roundHalfToEven(Math.abs(values[i]) * 2 ** 24);
    // The exponent is biased by 15 in place of 127. A fraction that rounds up carries into it.
    else if (magnitude < INFINITE) {
      const rebiased = magnitude - (112 << 23);
      out[i] = sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
    } else out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  }
  return out;
}

/** Bits of 2^-14, below which a float16 has no exponent. */
const SMALLEST_NORMAL = 0x38800000;
/** Bits of 65520, halfway between the largest float16 and 2^16. */
const INFINITE = 0x477ff000;

/** float32 -> bfloat16 bit patterns. */
export function float32ToBfloat16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    scratchFloat[0] = values[i];
    const bits = scratchBits[0];
    const notANumber = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = notANumber ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}

function makeHalfTable(): Float32Array {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent < 31) table[bits] = sign * (1024 + fraction) * exact.powerOfTwo(exponent - 25);
    else table[bits] = fraction === 0 ? sign * Infinity : NaN;
  }
  return table;
}

/** Rounds a non-negative number to an integer, ties to even. */
function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
