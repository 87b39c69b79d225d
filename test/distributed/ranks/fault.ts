// One rank that computes with others for ever, until a fault happens to one of them.
//
//   mpirun -n 3 node fault.ts FAULT RANK MILLISECONDS     what happens, to which rank, how long after the start

import { writeSync } from "node:fs";
import { openCommunicator } from "../../../src/index.ts";

const [fault, culprit, delay] = process.argv.slice(2);
const communicator = await openCommunicator({ mode: "mpi" });
writeSync(1, `process ${process.pid} is rank ${communicator.rank}\n`);

const FAULTS: Readonly<Record<string, () => void>> = {
  none: () => {},
  killed: () => process.kill(process.pid, "SIGKILL"),
  stopped: () => process.kill(process.pid, "SIGSTOP"),
  endless: () => {
    for (;;);
  },
  left: () => process.exit(0),
  thrown: () => {
    throw new Error("the loss is\nnot finite");
  },
};

/** Sums of 4 MB, of a few numbers, and pauses in which nobody waits. */
async function computeForEver(): Promise<never> {
  const [large, small] = [new Float32Array(2 ** 20), new Float32Array(3)];
  for (;;) {
    await communicator.sum(large);
    await communicator.sum(small);
    await communicator.barrier();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const happening = new Promise<never>((_, reject) => {
  if (communicator.rank !== Number(culprit)) return;
  setTimeout(() => {
    writeSync(1, "now\n");
    try {
      FAULTS[fault]();
    } catch (error) {
      reject(error);
    }
  }, Number(delay));
});

try {
  await Promise.race([computeForEver(), happening]);
} catch (error) {
  await communicator.abort(error instanceof Error ? error.message : String(error));
}
