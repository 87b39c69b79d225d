// The prelude: calls whose results are the same in every run, because they read only constants and variables that the
// program does not update. Most of it is the filters that a sampler transforms and packs. The prelude comes first and
// runs again only after one of those variables was written; results that later calls read keep their memory.

import type { Node } from "../graph.ts";
import type { BufferInfo, KernelCall, LoweredProgram } from "./program.ts";

/** Variables that a program's prelude reads, each once. */
export function preludeVariables({ buffers, calls, preludeCalls }: LoweredProgram<unknown>): Node[] {
  const read = calls
    .slice(0, preludeCalls)
    .flatMap(({ args }) => args.map(({ buffer }) => buffers[buffer].place));
  return [...new Set(read.flatMap((place) => (place.kind === "variable" ? [place.node] : [])))];
}

/** Says when a prelude must run: if one of its variables was written since it ran last. */
export class PreludeWatch {
  readonly #read: readonly { readonly version: number }[];
  #seen: readonly number[] | undefined;

  /** @param read the variables that the prelude reads; a version changes with each write */
  constructor(read: readonly { readonly version: number }[]) {
    this.#read = read;
  }

  /** The versions that a run would read now, for `hasRun`; undefined if it need not run. */
  due(): readonly number[] | undefined {
    const versions = this.#read.map(({ version }) => version);
    return this.#seen !== undefined && versions.every((version, i) => version === this.#seen?.[i])
      ? undefined
      : versions;
  }

  /** The prelude has run, and read these versions. */
  hasRun(versions: readonly number[]): void {
    this.#seen = versions;
  }
}

/** Moves such calls into a prelude whose results take at most `mostBytes`. */
export function splitPrelude<K>(lowered: LoweredProgram<K>, mostBytes: number): LoweredProgram<K> {
  const excluded = new Set<number>();
  for (;;) {
    const fixed = fixedCalls(lowered, excluded);
    const kept = [...keptBuffers(lowered, fixed)];
    let bytes = kept.reduce((total, buffer) => total + lowered.buffers[buffer].bytes, 0);
    if (bytes <= mostBytes) return arrange(lowered, fixed, new Set(kept));
    // Drop the last buffers first, so that the choice does not depend on the order of the search.
    while (bytes > mostBytes) {
      const buffer = kept.pop();
      if (buffer === undefined) return lowered;
      excluded.add(buffer);
      bytes -= lowered.buffers[buffer].bytes;
    }
  }
}

const writtenBy = ({ args, writes }: KernelCall<unknown>): number[] => writes.map((i) => args[i].buffer);
const readBy = ({ args, writes }: KernelCall<unknown>): number[] =>
  args.flatMap(({ buffer }, i) => (writes.includes(i) ? [] : [buffer]));

/** Calls that read only fixed buffers, and write only buffers that no other call writes and that are not `excluded`. */
function fixedCalls<K>(
  { buffers, calls }: LoweredProgram<K>,
  excluded: ReadonlySet<number>,
): Set<KernelCall<K>> {
  const written = new Set(calls.flatMap(writtenBy));
  const changes = (kind: BufferInfo["place"]["kind"], buffer: number): boolean =>
    kind === "input" || kind === "output" || (kind === "variable" && written.has(buffer));
  const varying = new Set(excluded);
  for (const [buffer, { place }] of buffers.entries()) if (changes(place.kind, buffer)) varying.add(buffer);
  const fixed = new Set(calls);
  let size: number;
  do {
    size = fixed.size;
    for (const call of fixed) {
      if (!call.args.some(({ buffer }) => varying.has(buffer))) continue;
      fixed.delete(call);
      for (const buffer of writtenBy(call)) varying.add(buffer);
    }
  } while (fixed.size < size);
  return fixed;
}

/** Buffers that fixed calls write and other calls read. */
function keptBuffers<K>({ calls }: LoweredProgram<K>, fixed: ReadonlySet<KernelCall<K>>): Set<number> {
  const made = new Set([...fixed].flatMap(writtenBy));
  const others = calls.filter((call) => !fixed.has(call));
  return new Set(others.flatMap(readBy).filter((buffer) => made.has(buffer)));
}

function arrange<K>(
  lowered: LoweredProgram<K>,
  fixed: ReadonlySet<KernelCall<K>>,
  kept: ReadonlySet<number>,
): LoweredProgram<K> {
  const { buffers, calls } = lowered;
  return {
    ...lowered,
    buffers: buffers.map(
      (info, i): BufferInfo => (kept.has(i) ? { ...info, place: { kind: "prelude" } } : info),
    ),
    calls: [...fixed, ...calls.filter((call) => !fixed.has(call))],
    preludeCalls: fixed.size,
  };
}
