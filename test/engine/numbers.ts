// Numbers for the inputs of programs.

/** Deterministic numbers in about (-1, 1), away from 0 so that signs and maxima are clear. */
export function numbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = state / 2 ** 31 - 1;
    return x + Math.sign(x) * 0.01;
  });
}
