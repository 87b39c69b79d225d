// Several pieces of asynchronous work at a time, with their results in order.

/**
 * The results of `work(0)`, `work(1)`, ... in that order, with at most `ahead` of them under way or waiting to be
 * taken: memory is bounded however long one of them takes. `work` may reject: the first that does ends it.
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
      result.catch(() => {}); // told when its turn comes
      waiting.push(result);
    }
    const result = waiting.shift();
    if (result !== undefined) yield await result;
  }
}
