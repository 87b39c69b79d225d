// Instructions that write to memory.

import type { Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import { addressInto, addressOf, placed, registersOf } from "./addresses.ts";
import { type Context, integer, vector } from "./context.ts";
import { MEMORY, type MemoryOperation } from "./memory_opcodes.ts";
import { V31, X16 } from "./registers.ts";

export function store(c: Context, each: Extract<Statement, { kind: "store" }>): void {
  const { code } = c;
  const { op, value } = each;
  const put = (operation: MemoryOperation, from: Register): void => {
    const to = addressOf(c, each.address, each.offset);
    code.add([], [...registersOf(to), from], (a, at) =>
      a.memory(operation, at(from), placed(a, to, at, MEMORY[operation].bytes)),
    );
  };
  switch (op) {
    case "i32.store":
      put("store32", integer(c, value));
      return;
    case "i32.store16":
      put("store16", integer(c, value));
      return;
    case "i32.atomic.store": {
      const from = integer(c, value);
      const to = addressOf(c, each.address, each.offset);
      code.add([], [...registersOf(to), from], (a, at) => {
        addressInto(a, X16, to, at);
        a.atomic("storeRelease", at(from), X16);
      });
      return;
    }
    case "f32.store":
    case "v128.store32_lane0":
      put("storeFloat", vector(c, value));
      return;
    case "f64.store":
    case "v128.store64_lane0":
      put("storeDouble", vector(c, value));
      return;
    case "v128.store":
      put("storeVector", vector(c, value));
      return;
    case "v128.store16x4": {
      const from = vector(c, value);
      const to = addressOf(c, each.address, each.offset);
      code.add([], [...registersOf(to), from], (a, at) => {
        a.unary("xtn", V31, at(from));
        a.memory("storeDouble", V31, placed(a, to, at, MEMORY.storeDouble.bytes));
      });
      return;
    }
    default:
      op satisfies never;
  }
}
