// Values of ranks, and their sum along the tree, computed plainly.

/** Values of one rank, of very different sizes: in another order, their sum has other bits. */
export function rankValues(rank: number, count: number): Float32Array {
  let state = 2654435769 * (rank + 1);
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
  return Float32Array.from({ length: count }, () => next() * 2 ** (next() % 20));
}

/** ((0 + 1) + (2 + 3)) + ..., each sum rounded to float32. */
export function sumOfTree(ranks: readonly Float32Array[]): Float32Array {
  if (ranks.length === 1) return ranks[0];
  let half = 1;
  while (half * 2 < ranks.length) half *= 2;
  const [left, right] = [ranks.slice(0, half), ranks.slice(half)].map(sumOfTree);
  return left.map((value, i) => Math.fround(value + right[i]));
}
