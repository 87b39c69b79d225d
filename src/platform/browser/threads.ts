// Workers, from outside.

import type { ThreadHandle, ThreadListener, Threads } from "../platform.ts";

export const threads: Threads = {
  start<Setup, Request, Reply>(
    module: URL | string,
    setup: Setup,
    { onMessage, onError }: ThreadListener<Reply>,
  ): ThreadHandle<Request> {
    const worker = workerOf(module);
    worker.onmessage = ({ data }: MessageEvent<Reply>) => onMessage(data);
    worker.onmessageerror = () => onError("a message could not be read");
    worker.onerror = (event) => {
      event.preventDefault();
      onError(
        event.message ??
          "its script was not loaded; the page's Content-Security-Policy must allow blob: workers",
      );
    };
    worker.postMessage(setup);
    return {
      post: (message, moved = []) => worker.postMessage(message, [...moved]),
      // Workers end with their page.
      keepAlive: () => {},
      terminate: async () => worker.terminate(),
    };
  },
};

/** @param module its address, or its text */
function workerOf(module: URL | string): Worker {
  if (typeof module !== "string") return new Worker(module, { type: "module" });
  const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  try {
    return new Worker(address);
  } finally {
    URL.revokeObjectURL(address);
  }
}
