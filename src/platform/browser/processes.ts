// Pages and workers, told apart by a lock that each holds as long as it lives.

import type { Processes } from "../platform.ts";

const PREFIX = "imago:process:";
const MARK = /^[0-9a-f-]{36}$/;

let own: Promise<string> | undefined;

/** Takes the lock, for good. */
function claim(): Promise<string> {
  const mark = crypto.randomUUID();
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(`${PREFIX}${mark}`, () => {
        resolve(mark);
        return new Promise(() => undefined);
      })
      .catch(reject);
  });
}

export const processes: Processes = {
  mark: () => (own ??= claim()),
  async stateOf(mark) {
    if (!MARK.test(mark)) return "unknown";
    const { held = [] } = await navigator.locks.query();
    return held.some(({ name }) => name === `${PREFIX}${mark}`) ? "alive" : "gone";
  },
};
