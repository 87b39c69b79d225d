// What a part of the page has to wait for.

import { useEffect, useState } from "preact/hooks";
import { attempt } from "../../state.ts";

/**
 * Loads something anew whenever `inputs` change; what goes wrong is told.
 * @returns what was loaded last; null before that
 */
export function useLoaded<T>(load: () => Promise<T>, inputs: readonly unknown[]): T | null {
  const [loaded, setLoaded] = useState<T | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void attempt(async () => {
      const value = await load().catch((error: unknown) => {
        if (isCurrent) throw error;
      });
      if (isCurrent && value !== undefined) setLoaded(() => value);
    });
    return () => {
      isCurrent = false;
    };
  }, inputs);
  return loaded;
}
