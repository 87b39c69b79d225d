// Runs asynchronous work concurrently and yields the results in order.

/**
 * Yields the results of `work(0)`, `work(1)`, ... in order, with at most `ahead` of them running or waiting to be
 * consumed, which bounds memory. The first rejection ends it.
 */
export async function* inOrder<T>(
  count: number,
  ahead: number,
  work: (index: number) => Promise<T>,
  first = 0,
): AsyncGenerator<T, void, void> {
  const waiting: Promise<T>[] = [];
  let next = first;
  for (let taken = first; taken < count; taken++) {
    while (next < count && waiting.length < ahead) {
      const result = work(next++);
      result.catch(() => {}); // thrown when its turn comes
      waiting.push(result);
    }
    const result = waiting.shift();
    if (result !== undefined) yield await result;
  }
}
