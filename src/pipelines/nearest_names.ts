// Which of many names somebody may have meant.

/**
 * The names that are nearest to a text: first those that hold it, then by the number of letters to insert, remove or
 * replace (Levenshtein 1966), upper and lower case being the same.
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
  // Distances of the beginnings of b from the beginning of a that has been read so far.
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
