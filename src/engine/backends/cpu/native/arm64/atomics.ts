// Atomic operations, and waiting by the system. They are loops of exclusive accesses, which every processor has. Their
// loads acquire and their stores release, and neither moves over another of them: all threads see one order.

import type { Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import { newLabel } from "../label.ts";
import { addressInto, addressOf, registersOf } from "./addresses.ts";
import { CONDITION } from "./assembler.ts";
import { type Context, integer, introduce } from "./context.ts";
import { X0, X14, X15, X16, X17 } from "./registers.ts";

type Atomic = Extract<Statement, { kind: "atomic" }>;

export function atomic(c: Context, each: Atomic): void {
  const { op, args } = each;
  const to = each.into === undefined ? c.code.int() : introduce(c, each.into);
  const values = args.map((arg) => integer(c, arg));
  switch (op) {
    case "i32.atomic.rmw.add":
    case "i32.atomic.rmw.xchg":
      modify(c, each, to, values[0]);
      return;
    case "i32.atomic.rmw.cmpxchg":
      compareExchange(c, each, to, values[0], values[1]);
      return;
    case "memory.atomic.wait32":
    case "memory.atomic.notify": {
      const place = addressOf(c, each.address, each.offset);
      const base = c.code.int();
      c.code.add([base], registersOf(place), (a, at) => addressInto(a, at(base), place, at));
      const [first, second] = values;
      c.code.addCall([to], [base, ...values], (a, at) => {
        if (op === "memory.atomic.wait32") c.system.wait(a, at(base), at(first), at(second));
        else c.system.wake(a, at(base), at(first));
        a.move(at(to), X0);
      });
      return;
    }
    default:
      op satisfies never;
  }
}

/** The value is added to what is there, or takes its place. */
function modify(c: Context, { op, address, offset }: Atomic, to: Register, value: Register): void {
  const place = addressOf(c, address, offset);
  c.code.add([to], [...registersOf(place), value], (a, at) => {
    const again = newLabel();
    addressInto(a, X16, place, at);
    a.bind(again);
    a.atomic("loadExclusive", X17, X16);
    if (op === "i32.atomic.rmw.add") a.add(X15, X17, at(value));
    a.storeExclusive(X14, op === "i32.atomic.rmw.add" ? X15 : at(value), X16);
    a.jumpUnlessZero(X14, again);
    a.extend32(at(to), X17);
  });
}

function compareExchange(
  c: Context,
  { address, offset }: Atomic,
  to: Register,
  expected: Register,
  value: Register,
): void {
  const place = addressOf(c, address, offset);
  c.code.add([to], [...registersOf(place), expected, value], (a, at) => {
    const [again, done] = [newLabel(), newLabel()];
    addressInto(a, X16, place, at);
    a.bind(again);
    a.atomic("loadExclusive", X17, X16);
    a.extend32(X17, X17);
    a.compare(X17, at(expected));
    a.jumpIf(CONDITION.notEqual, done);
    a.storeExclusive(X14, at(value), X16);
    a.jumpUnlessZero(X14, again);
    a.bind(done);
    a.move(at(to), X17);
  });
}
