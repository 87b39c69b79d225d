// Gives virtual registers places: machine registers, or slots of the function's frame where those do not suffice.
//
// Linear scan over whole lifetimes (Poletto and Sarkar 1999): registers are taken in the order of their first writes;
// where none is free, the one that is used least for its length lives in memory. Every instruction that uses such a
// one loads it into a machine register that is kept for that, and stores it again.

import type { Code, Register } from "./code.ts";

/** Machine registers by bank: those to give away, and those that are kept aside once some value must live in memory. */
export interface RegisterFile {
  readonly [bank: string]: { readonly all: readonly number[]; readonly spares: readonly number[] };
}

/** Sets `place` or `slot` of every register of the code. @returns bytes of the frame for what lives in memory */
export function allocate<Machine>(code: Code<Machine>, file: RegisterFile): number {
  let frameBytes = 0;
  for (const bank of ["int", "vector"] as const) {
    const used = code.registers
      .filter((register) => register.bank === bank && register.start !== -1)
      .sort((a, b) => a.start - b.start);
    const { all, spares } = file[bank];
    const overCalls = acrossCalls(used, code.calls);
    let inMemory = overCalls.size > 0 ? undefined : scan(used, all, overCalls);
    if (inMemory === undefined || inMemory.length > 0) {
      const without = all.filter((place) => !spares.includes(place));
      inMemory = scan(used, without, overCalls);
    }
    frameBytes = giveSlots(inMemory, frameBytes);
  }
  return frameBytes;
}

/** Registers that hold a value over a call. */
function acrossCalls(registers: readonly Register[], calls: readonly number[]): ReadonlySet<Register> {
  return new Set(
    registers.filter(({ start, end }) => {
      const next = calls.findIndex((call) => call > start);
      return next !== -1 && calls[next] < end;
    }),
  );
}

/** Gives places to registers sorted by start; returns those that get none. */
function scan(
  registers: readonly Register[],
  places: readonly number[],
  never: ReadonlySet<Register>,
): Register[] {
  const inMemory: Register[] = [];
  const free = new Set(places);
  const active = new Set<Register>();
  /** No active register ends before. */
  let nextEnd = Number.POSITIVE_INFINITY;
  for (const register of registers) {
    register.place = -1;
    register.slot = -1;
    if (nextEnd < register.start) {
      nextEnd = Number.POSITIVE_INFINITY;
      for (const other of active)
        if (other.end < register.start) {
          active.delete(other);
          free.add(other.place);
        } else if (other.end < nextEnd) nextEnd = other.end;
    }
    if (never.has(register)) {
      inMemory.push(register);
      continue;
    }
    if (free.size === 0) {
      let cheapest = register;
      for (const other of active) if (cost(other) < cost(cheapest)) cheapest = other;
      inMemory.push(cheapest);
      if (cheapest === register) continue;
      free.add(cheapest.place);
      cheapest.place = -1;
      active.delete(cheapest);
    }
    const hint = register.hints.find(({ place }) => free.has(place));
    const [first] = free;
    register.place = hint?.place ?? first;
    free.delete(register.place);
    active.add(register);
    nextEnd = Math.min(nextEnd, register.end);
  }
  return inMemory;
}

const cost = ({ weight, start, end }: Register): number => weight / (end - start + 1);

/** Registers whose lives do not overlap share a slot. Returns the bytes of the frame. */
function giveSlots(registers: readonly Register[], from: number): number {
  const slots: { at: number; bytes: number; until: number }[] = [];
  let next = from;
  for (const register of [...registers].sort((a, b) => a.start - b.start)) {
    let slot = slots.find(({ bytes, until }) => bytes === register.bytes && until < register.start);
    if (slot === undefined) {
      const at = Math.ceil(next / register.bytes) * register.bytes;
      slot = { at, bytes: register.bytes, until: 0 };
      slots.push(slot);
      next = at + register.bytes;
    }
    slot.until = register.end;
    register.slot = slot.at;
  }
  return next;
}
