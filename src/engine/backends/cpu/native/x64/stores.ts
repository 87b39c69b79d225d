// Instructions that write to memory.

import type { Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import type { Assembler, Width } from "./assembler.ts";
import { type Context, type Form, placed, registersOf } from "./context.ts";
import { addressOf, integer, integerInto } from "./integers.ts";
import { NARROW, newVector, vector } from "./operands.ts";
import type { Memory } from "./registers.ts";
import { EVEX_ONLY, VECTOR } from "./vector_opcodes.ts";

export function store(c: Context, each: Extract<Statement, { kind: "store" }>, group: Width): void {
  const { code } = c;
  const { op, value, offset } = each;
  const form: Form = { width: group, group };
  const put = (from: Register, emit: (a: Assembler, to: Memory, from: number) => void): void => {
    const to = addressOf(c, each.address, offset);
    code.add([], [...registersOf(to), from], (a, at) => emit(a, placed(to, at), at(from)));
  };
  switch (op) {
    case "i32.store":
    case "i32.store16":
      put(integer(c, value), (a, to, from) =>
        op === "i32.store" ? a.store32(to, from) : a.store16(to, from),
      );
      return;
    case "i32.atomic.store":
      // An exchange, unlike a move, is ordered before later reads.
      put(integerInto(c, value, code.int()), (a, to, from) => a.exchange(to, from));
      return;
    case "f32.store":
    case "v128.store32_lane0":
      put(vector(c, value, NARROW), (a, to, from) => a.vector(VECTOR.vmovssStore, 1, from, 0, to));
      return;
    case "f64.store":
    case "v128.store64_lane0":
      put(vector(c, value, NARROW), (a, to, from) => a.vector(VECTOR.vmovsdStore, 1, from, 0, to));
      return;
    case "v128.store":
      put(vector(c, value, form), (a, to, from) => a.vector(VECTOR.vmovupsStore, group, from, 0, to));
      return;
    case "v128.store16x4": {
      const from = vector(c, value, form);
      if (c.evex) {
        put(from, (a, to, at) => a.vector(EVEX_ONLY.vpmovdw, group, at, 0, to));
        return;
      }
      const packed = newVector(c, group);
      code.add([packed], [from], (a, at) => {
        a.vector(VECTOR.vpackusdw, group, at(packed), at(from), at(from));
        if (group === 2) a.vector(VECTOR.vpermq, 2, at(packed), 0, at(packed), { imm: 0x08 });
      });
      put(packed, (a, to, at) =>
        group === 1
          ? a.vector(VECTOR.vmovsdStore, 1, at, 0, to)
          : a.vector(VECTOR.vmovupsStore, 1, at, 0, to),
      );
      return;
    }
    default:
      op satisfies never;
  }
}
