// One rank that does something else than the others.
//
//   mpirun -n 2 node different.ts

import { openCommunicator } from "../../../src/index.ts";

const communicator = await openCommunicator({ mode: "mpi" });
await communicator.barrier();
if (communicator.rank === 1) await communicator.barrier();
else await communicator.gather(new Uint8Array(5));
await communicator.close();
