// A process alone, as a communicator.

import { expect, test } from "vitest";
import { DistributedError, singleProcess } from "../../src/index.ts";

test("one process has rank 0 of 1, and keeps what it has", async () => {
  const communicator = singleProcess();
  expect(communicator).toMatchObject({ rank: 0, size: 1, localRank: 0, localSize: 1 });
  expect(communicator.host).not.toBe("");
  const values = Float32Array.of(1, 2.5);
  await communicator.sum(values);
  await communicator.broadcast(new Uint8Array(values.buffer));
  await communicator.barrier();
  expect(values).toEqual(Float32Array.of(1, 2.5));
  await communicator.close();
});

test("what is gathered is a copy", async () => {
  const bytes = Uint8Array.of(1, 2);
  const gathered = await singleProcess().gather(bytes);
  bytes[0] = 9;
  expect(gathered).toEqual([Uint8Array.of(1, 2)]);
});

test("abort rejects with its cause", async () => {
  await expect(singleProcess().abort("the loss is not finite")).rejects.toThrow(
    new DistributedError("the loss is not finite"),
  );
});
