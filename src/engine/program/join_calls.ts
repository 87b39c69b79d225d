// Brings calls of one kernel that do not depend on each other together, for devices on which every call costs time: the
// updates of parameters of one shape, for example, are then one call.

import type { KernelCall, LoweredProgram } from "./program.ts";

/** A program whose calls run in groups, one after another. */
export interface JoinedProgram<K> extends LoweredProgram<K> {
  /** For each group the number of its calls, which follow each other in `calls`, have one kernel and no order. */
  readonly groups: readonly number[];
  /** How many groups are the prelude. */
  readonly preludeGroups: number;
}

/** The number of each call's group. */
export const groupOfCalls = ({ groups }: JoinedProgram<unknown>): number[] =>
  groups.flatMap((count, group) => Array.from({ length: count }, () => group));

/** Most calls of a group. */
const MOST = 256;

/**
 * Each call stays where it is, or moves to an earlier one with an equal kernel, after all calls that it depends on.
 * @param keyOf equal for kernels that are equal; undefined for those that stay alone
 */
export function joinCalls<K>(
  lowered: LoweredProgram<K>,
  keyOf: (kernel: K) => string | undefined,
): JoinedProgram<K> {
  const dependencies = dependenciesOf(lowered);
  const { calls, preludeCalls } = lowered;
  const prelude = groupsOf(calls, 0, preludeCalls, dependencies, keyOf);
  const groups = [...prelude, ...groupsOf(calls, preludeCalls, calls.length, dependencies, keyOf)];
  return {
    ...lowered,
    calls: groups.flat().map((i) => calls[i]),
    groups: groups.map(({ length }) => length),
    preludeGroups: prelude.length,
  };
}

/** Groups of the calls `start` .. `end`, by number, in the order in which they run. */
function groupsOf<K>(
  calls: readonly KernelCall<K>[],
  start: number,
  end: number,
  dependencies: readonly ReadonlySet<number>[],
  keyOf: (kernel: K) => string | undefined,
): number[][] {
  const byKey = new Map<string, number[]>();
  for (let i = start; i < end; i++) {
    const key = keyOf(calls[i].kernel);
    if (key === undefined) continue;
    add(byKey, key, i);
  }
  const done = new Set<number>();
  const isReady = (i: number) => [...dependencies[i]].every((before) => before < start || done.has(before));
  const groups: number[][] = [];
  for (let i = start; i < end; i++) {
    if (done.has(i)) continue;
    const key = keyOf(calls[i].kernel);
    const later = key === undefined ? [] : (byKey.get(key) ?? []);
    const group = [i, ...later.filter((j) => j > i && !done.has(j) && isReady(j))].slice(0, MOST);
    for (const member of group) done.add(member);
    groups.push(group);
  }
  return groups;
}

/** The calls that each call must follow, as far as no other of them does. */
function dependenciesOf({ buffers, calls }: LoweredProgram<unknown>): Set<number>[] {
  const writers = new Map<number, number[]>();
  const readers = new Map<number, number[]>();
  return calls.map(({ args, writes }, i) => {
    const before = new Set<number>();
    const follow = (others: readonly number[] = []) => {
      for (const other of others) if (other !== i) before.add(other);
    };
    for (const [a, { buffer }] of args.entries()) {
      if (writes.includes(a)) continue;
      follow(writers.get(buffer));
      add(readers, buffer, i);
    }
    for (const a of writes) {
      const { buffer } = args[a];
      follow(readers.get(buffer));
      // Those that write parts of a buffer write different ones.
      const inParts = buffers[buffer].inParts === true;
      if (inParts) add(writers, buffer, i);
      else {
        follow(writers.get(buffer));
        writers.set(buffer, [i]);
        readers.set(buffer, []);
      }
    }
    return before;
  });
}

/** Adds a number to the list of a key. */
function add<Key>(lists: Map<Key, number[]>, key: Key, value: number): void {
  const known = lists.get(key);
  if (known === undefined) lists.set(key, [value]);
  else known.push(value);
}
