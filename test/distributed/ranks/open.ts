// One rank that joins the others and leaves at once; prints how many there are, or in one line why it cannot.
//
//   mpirun -n 2 node open.ts MODE

import { DISTRIBUTED_MODES, openCommunicator } from "../../../src/index.ts";

const mode = DISTRIBUTED_MODES.find((one) => one === process.argv[2]);
try {
  const communicator = await openCommunicator(mode === undefined ? {} : { mode });
  console.log(`${communicator.size} ranks`);
  await communicator.close();
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
}
