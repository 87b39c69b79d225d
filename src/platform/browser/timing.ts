// Turns between long computations.

import type { Timing } from "../platform.ts";

export const timing: Timing = {
  // Unlike timers, messages are not slowed down in hidden pages.
  letOthersRun: () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }),
};
