// Finds the names most similar to a text.

/**
 * The `count` names nearest to a text: first those that contain it, then by edit distance (Levenshtein 1966), ignoring
 * case.
 */
export function nearestNames(text: string, names: Iterable<string>, count: number): string[] {
  const wanted = text.toLowerCase();
  const ranked = [...names].map((name) => {
    const other = name.toLowerCase();
    return { name, distance: other.includes(wanted) ? 0 : editDistance(wanted, other) };
  });
  return ranked
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

function editDistance(a: string, b: string): number {
  // Edit distances between prefixes of b and the prefix of a processed so far.
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    let before = i + 1;
    const next = [before];
    for (let j = 1; j < row.length; j++) {
      before = Math.min(before + 1, row[j] + 1, row[j - 1] + (letter === b[j - 1] ? 0 : 1));
      next.push(before);
    }
    row = next;
  }
  return row[b.length];
}
