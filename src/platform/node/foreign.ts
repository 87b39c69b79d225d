// C functions of shared libraries, through the npm package "koffi", which is optional.

import type { Foreign, ForeignCalls, ForeignLibrary, ForeignType } from "../native.ts";
import { packageFile } from "./native_code.ts";
import { libraryOf } from "./native_library.ts";

export const foreign: Foreign = {
  open() {
    const file = packageFile();
    if (file === undefined)
      return 'the npm package "koffi" is not installed; "npm install koffi" installs it';
    try {
      return foreignCalls(file);
    } catch (error) {
      const [line] = String(error instanceof Error ? error.message : error).split("\n");
      return `the npm package "koffi" cannot be loaded here: ${line}`;
    }
  },
};

const TYPES: Readonly<Record<ForeignType, string>> = { int: "int", address: "intptr_t" };

/** @param library the package's file */
export function foreignCalls(library: string): ForeignCalls {
  const koffi = libraryOf(library);
  return {
    library,
    load(name): ForeignLibrary {
      const loaded = koffi.load(name ?? null);
      return {
        symbol: (symbol) => orUndefined(() => Number(koffi.address(loaded.symbol(symbol)))),
        bind: (symbol, types) =>
          orUndefined(() =>
            loaded.func(
              symbol,
              "int",
              types.map((type) => TYPES[type]),
            ),
          ),
      };
    },
    // A small array moves within JavaScript's memory until this asks for its buffer.
    addressOf: (array) => Number(koffi.address(array)),
  };
}

/** What the library has; koffi throws where it has nothing of that name. */
function orUndefined<T>(take: () => T): T | undefined {
  try {
    return take();
  } catch {
    return undefined;
  }
}
