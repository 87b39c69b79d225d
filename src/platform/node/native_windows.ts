// Memory for machine code on Windows, and the functions by which it waits.

import type { Library } from "./native_library.ts";
import { forbidden, refused, type SystemMemory } from "./native_system.ts";

const [COMMIT, RESERVE, DECOMMIT, RELEASE] = [0x1000, 0x2000, 0x4000, 0x8000];
const [READ_WRITE, EXECUTE_READ] = [0x04, 0x20];

export function windowsMemory(koffi: Library): SystemMemory {
  const kernel = koffi.load("kernel32.dll");
  const waiting = koffi.load("api-ms-win-core-synch-l1-2-0.dll");
  const virtualAlloc = kernel.func("int64_t VirtualAlloc(int64_t, size_t, uint32_t, uint32_t)");
  const virtualFree = kernel.func("int VirtualFree(int64_t, size_t, uint32_t)");
  const virtualProtect = kernel.func("int VirtualProtect(int64_t, size_t, uint32_t, _Out_ uint32_t *)");
  const flushInstructionCache = kernel.func("int FlushInstructionCache(int64_t, int64_t, size_t)");
  const currentProcess = kernel.func("int64_t GetCurrentProcess()");
  const frequency = kernel.func("int QueryPerformanceFrequency(_Out_ int64_t *)");
  const addressOf = (library: typeof kernel, name: string) => Number(koffi.address(library.symbol(name)));

  const commit = (address: number, bytes: number): void => {
    if (Number(virtualAlloc(address, bytes, COMMIT, READ_WRITE)) === 0) throw refused(bytes);
  };

  const perSecond: [number] = [0];
  frequency(perSecond);
  return {
    system: {
      kind: "windows",
      waitOnAddress: addressOf(waiting, "WaitOnAddress"),
      wakeByAddressSingle: addressOf(waiting, "WakeByAddressSingle"),
      wakeByAddressAll: addressOf(waiting, "WakeByAddressAll"),
      queryPerformanceCounter: addressOf(kernel, "QueryPerformanceCounter"),
      countsPerSecond: Number(perSecond[0]),
    },
    reserve(bytes) {
      const address = Number(virtualAlloc(0, bytes, RESERVE, READ_WRITE));
      if (address === 0) throw refused(bytes);
      return address;
    },
    commit,
    giveBack(address, bytes) {
      virtualFree(address, bytes, DECOMMIT);
      commit(address, bytes);
    },
    release(address) {
      virtualFree(address, 0, RELEASE);
    },
    makeExecutable(address, bytes) {
      if (virtualProtect(address, bytes, EXECUTE_READ, [0]) === 0) throw forbidden();
      flushInstructionCache(Number(currentProcess()), address, bytes);
    },
  };
}
