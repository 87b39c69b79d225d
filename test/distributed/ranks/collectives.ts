// One rank: does every operation, checks what it gets, and prints its place as JSON.
//
//   mpirun -n 4 node collectives.ts

import { strictEqual } from "node:assert";
import { openCommunicator } from "../../../src/index.ts";
import { rankValues, sumOfTree } from "../../support/tree_sum.ts";

const communicator = await openCommunicator({ mode: "mpi" });
const { rank, size, host, localRank, localSize } = communicator;
const ranks = Array.from({ length: size }, (_, i) => i);

try {
  for (const count of [0, 1, 7, 1000, 2 ** 20 + 12_345]) {
    const values = rankValues(rank, count);
    const expected = new Uint32Array(sumOfTree(ranks.map((each) => rankValues(each, count))).buffer);
    await communicator.sum(values);
    const bits = new Uint32Array(values.buffer);
    strictEqual(
      bits.findIndex((one, i) => one !== expected[i]),
      -1,
      `the sum of ${count}`,
    );
  }

  for (const root of ranks)
    for (const count of [0, 3, 2_500_000]) {
      const bytes = new Uint8Array(count).fill(rank === root ? 100 + root : 0);
      await communicator.broadcast(bytes, root);
      strictEqual(
        bytes.every((byte) => byte === 100 + root),
        true,
        `${count} bytes of rank ${root}`,
      );
    }

  const gathered = await communicator.gather(new Uint8Array(rank * 700_000).fill(rank));
  strictEqual(gathered?.length, rank === 0 ? size : undefined);
  for (const [from, bytes] of (gathered ?? []).entries()) {
    strictEqual(bytes.length, from * 700_000);
    strictEqual(
      bytes.every((byte) => byte === from),
      true,
      `what rank ${from} gave`,
    );
  }

  // Calls that start before earlier ones are done.
  const [a, b] = [Float32Array.of(rank), Float32Array.of(1)];
  await Promise.all([communicator.sum(a), communicator.barrier(), communicator.sum(b)]);
  strictEqual(a[0], (size * (size - 1)) / 2);
  strictEqual(b[0], size);
} catch (error) {
  await communicator.abort(error instanceof Error ? error.message : String(error));
}
console.log(JSON.stringify({ rank, size, host, localRank, localSize }));
await communicator.close();
