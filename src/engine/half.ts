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
  for (let i = 0; i < out.length; i++) out[i] = halfBits(values[i]);
  return out;
}

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

function halfBits(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(scratchFloat[0]);
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00; // 65520 is halfway between the largest half and 2^16
  if (magnitude < 2 ** -14) return sign | roundHalfToEven(magnitude * 2 ** 24);
  const exponent = (bits >>> 23) & 0xff; // biased by 127
  const significand = (bits & 0x7fffff) | 0x800000; // 24 bits, of which a half keeps 11
  // A significand that rounds up to 2048 carries into the exponent.
  return sign | (((exponent - 113) << 10) + roundHalfToEven(significand / 8192));
}

/** Rounds a non-negative number to an integer, ties to even. */
function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
