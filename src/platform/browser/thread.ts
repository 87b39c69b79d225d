// "#platform/thread" in a browser: workers, from inside.

import type { ThreadScope } from "../platform.ts";

/** The worker's global scope. */
declare const self: {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, moved: ArrayBuffer[]): void;
};

export const thread: ThreadScope = {
  serve(begin) {
    // The first message is the setup.
    self.onmessage = ({ data: setup }) => {
      const handle = begin(setup, (reply, moved = []) => self.postMessage(reply, [...moved]));
      self.onmessage = ({ data: request }) => handle(request);
    };
  },
  // `performance.now` starts at 0 in each worker.
  now: () => performance.timeOrigin + performance.now(),
  callNative() {
    throw new Error("pages run no machine code");
  },
  foreign() {
    throw new Error("pages load no shared libraries");
  },
  letOthersRun: () => new Promise((resolve) => setTimeout(resolve)),
};
