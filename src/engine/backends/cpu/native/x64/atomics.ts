// Atomic operations, and waiting by the system.

import type { Statement } from "../../simd/statement.ts";
import { type Context, introduce, placed, registersOf } from "./context.ts";
import { addressOf, integer, integerInto } from "./integers.ts";
import { RAX } from "./registers.ts";

export function atomic(c: Context, each: Extract<Statement, { kind: "atomic" }>): void {
  const { code } = c;
  const { op, args } = each;
  const to = each.into === undefined ? code.int() : introduce(c, each.into);
  switch (op) {
    case "i32.atomic.rmw.add":
    case "i32.atomic.rmw.xchg": {
      const value = integerInto(c, args[0], code.int());
      const at = addressOf(c, each.address, each.offset);
      code.add([to], [...registersOf(at), value], (a, r) => {
        a.move(RAX, r(value));
        if (op === "i32.atomic.rmw.add") a.lockedAdd(placed(at, r), RAX);
        else a.exchange(placed(at, r), RAX);
        a.loadI32(r(to), RAX);
      });
      return;
    }
    case "i32.atomic.rmw.cmpxchg": {
      const [expected, value] = [integer(c, args[0]), integer(c, args[1])];
      const at = addressOf(c, each.address, each.offset);
      // Both values and an address of one register, so that three places suffice.
      const base = code.int();
      code.add([base], registersOf(at), (a, r) => a.address(r(base), placed(at, r)));
      code.add([to], [base, expected, value], (a, r) => {
        a.move(RAX, r(expected));
        a.lockedCompareExchange({ kind: "address", base: r(base), disp: 0 }, r(value));
        a.loadI32(r(to), RAX);
      });
      return;
    }
    case "memory.atomic.wait32":
    case "memory.atomic.notify": {
      const values = args.map((arg) => integer(c, arg));
      const at = addressOf(c, each.address, each.offset);
      const base = code.int();
      code.add([base], registersOf(at), (a, r) => a.address(r(base), placed(at, r)));
      const [first, second] = values;
      if (op === "memory.atomic.wait32")
        code.addCall([to], [base, first, second], (a, r) => {
          c.system.wait(a, r(base), r(first), r(second));
          a.move(r(to), RAX);
        });
      else
        code.addCall([to], [base, first], (a, r) => {
          c.system.wake(a, r(base), r(first));
          a.move(r(to), RAX);
        });
      return;
    }
    default:
      op satisfies never;
  }
}
