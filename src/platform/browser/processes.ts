// Pages and workers, told apart by marks. Each holds a lock of its mark's name, which ends with it.

import { PlatformError } from "../errors.ts";
import type { Processes } from "../platform.ts";
import { randomName } from "./files/leftovers.ts";

const MARK = /^page-[0-9a-f]{12}$/;

const lockName = (mark: string): string => `imago: process ${mark}`;

let ours: Promise<string> | undefined;

export const processes: Processes = {
  mark() {
    ours ??= takeMark();
    return ours;
  },
  async stateOf(mark) {
    if (!MARK.test(mark) || navigator.locks === undefined) return "unknown";
    const { held = [] } = await navigator.locks.query();
    return held.some(({ name }) => name === lockName(mark)) ? "alive" : "gone";
  },
  guard: () => ({ process: undefined }),
  isSocket: () => false,
};

function takeMark(): Promise<string> {
  if (navigator.locks === undefined)
    throw new PlatformError("ENOSYS", "this page may lock nothing; open it over https or from localhost");
  const mark = `page-${randomName()}`;
  return new Promise((resolve, reject) => {
    const hold = (): Promise<never> => {
      resolve(mark);
      return new Promise(() => {});
    };
    navigator.locks.request(lockName(mark), hold).catch(reject);
  });
}
