// Ranks that stop end only when the first one has written the checkpoint, however long that takes.

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { Trainer } from "../../src/index.ts";
import { testFolder } from "../support/folder.ts";
import { onRanks } from "../support/ranks.ts";
import { trainingOptions } from "../support/small_training.ts";

const folder = testFolder();

test("a rank that stops waits for the first one's checkpoint", async () => {
  const wereThere = await onRanks(2, async (communicator) => {
    const options = trainingOptions(folder("run"));
    const trainer = new Trainer({ ...options, communicator, threads: 1, backend: "wasm", microbatch: 2 });
    for await (const { step } of trainer.run()) if (step === 1) trainer.stop();
    return existsSync(trainer.folder.checkpoint(2));
  });
  expect(wereThere).toEqual([true, true]);
});
