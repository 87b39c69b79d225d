// The kernel language and its WebAssembly encoder: every construct runs and gives what the equivalent JavaScript gives.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KernelBuilder } from "../../src/engine/backends/cpu/simd/builder.ts";
import * as s from "../../src/engine/backends/cpu/simd/ops.ts";
import { encodeModule, hasRelaxedSimd } from "../../src/engine/backends/cpu/simd/wasm.ts";

const MEMORY = { initial: 1, maximum: 1, shared: true };

function instantiate(
  exports: Record<string, KernelBuilder>,
  more: { table?: KernelBuilder[]; relaxed?: boolean; imports?: Record<string, unknown> } = {},
) {
  const memory = new WebAssembly.Memory(MEMORY);
  const { table = [], relaxed = false, imports = {} } = more;
  const module = new WebAssembly.Module(encodeModule({ memory: MEMORY, exports, table, relaxed }));
  const instance = new WebAssembly.Instance(module, { env: { memory, ...imports } });
  const call = (name: string, ...args: (number | bigint)[]): unknown => {
    const f = instance.exports[name];
    if (typeof f !== "function") throw new Error(`no export ${name}`);
    return f(...args);
  };
  return { call, f32: new Float32Array(memory.buffer), i32: new Int32Array(memory.buffer) };
}

const binary = (name: string) => new KernelBuilder(name, { params: ["i32", "i32"], result: "i32" });

describe("integer expressions", () => {
  test("folding keeps the meaning", () => {
    type Tree = {
      build: (x: ReturnType<typeof s.i32> | KernelBuilder["parameters"][number]) => ReturnType<typeof s.iadd>;
      run: (x: number) => number;
    };
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constant<Tree>({ build: (x) => x, run: (x) => x }),
        fc.integer({ min: -100, max: 100 }).map<Tree>((c) => ({ build: () => s.i32(c), run: () => c })),
        fc
          .tuple(fc.constantFrom("add", "sub", "mul", "and"), tie("tree"), tie("tree"))
          .map<Tree>(([op, a, b]) => ({
            build: (x) =>
              ({ add: s.iadd, sub: s.isub, mul: s.imul, and: s.iand })[op](a.build(x), b.build(x)),
            run: (x) => {
              const [p, q] = [a.run(x), b.run(x)];
              return { add: (p + q) | 0, sub: (p - q) | 0, mul: Math.imul(p, q), and: p & q }[op];
            },
          })),
        fc.tuple(tie("tree"), fc.integer({ min: 1, max: 64 })).map<Tree>(([a, c]) => ({
          build: (x) => s.iadd(s.idivU(a.build(x), s.i32(c)), s.iremU(a.build(x), s.i32(c))),
          run: (x) => (Math.floor((a.run(x) >>> 0) / c) + ((a.run(x) >>> 0) % c)) | 0,
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.integer(), (t, x) => {
        const k = new KernelBuilder("f", { params: ["i32"], result: "i32" });
        k.return(t.build(k.param(0)));
        expect(instantiate({ f: k }).call("f", x)).toBe(t.run(x));
      }),
      { numRuns: 300 },
    );
  });

  test("constants vanish from addresses", () => {
    const k = new KernelBuilder("k");
    const i = k.tile;
    const address = s.imul(s.iadd(i, s.i32(3)), s.i32(16));
    const load = s.loadV(address, 4);
    expect(load).toMatchObject({ kind: "load", offset: 52 });
    expect(s.iadd(s.imul(i, s.i32(0)), s.i32(2), s.i32(-2))).toEqual(s.i32(0));
  });
});

describe("statements", () => {
  test("loops, branches and variables", () => {
    const k = binary("sum"); // the sum of the odd i in [a, b)
    const total = k.let(s.i32(0));
    k.for(k.param(0), k.param(1), 1, (i) => {
      k.if(
        s.iand(i, s.i32(1)),
        () => k.set(total, s.iadd(total, i)),
        () => {
          const unused = k.let(s.i32(7));
          k.set(unused, s.i32(8));
        },
      );
    });
    k.return(total);
    const { call } = instantiate({ sum: k });
    expect(call("sum", 0, 10)).toBe(25);
    expect(call("sum", 10, 0)).toBe(0);
    expect(call("sum", -3, 2)).toBe(-3);
  });

  test("a loop with a constant count, with a step, nested, and not at all", () => {
    const k = binary("count");
    const total = k.let(s.i32(0));
    const count = () => k.set(total, s.iadd(total, s.i32(1)));
    k.loop(10, () => k.loop(3, count, { step: 2 }));
    k.loop(0, count);
    k.loop(1, count);
    k.loop(k.param(0), count, { step: 4 });
    k.return(total);
    expect(instantiate({ count: k }).call("count", 9, 0)).toBe(20 + 1 + 3);
  });

  test("while", () => {
    const k = binary("gcd");
    const [a, b] = [k.let(k.param(0)), k.let(k.param(1))];
    k.while(b, () => {
      const rest = k.let(s.iremU(a, b));
      k.set(a, b);
      k.set(b, rest);
    });
    k.return(a);
    expect(instantiate({ gcd: k }).call("gcd", 84, 36)).toBe(12);
  });

  test("calls: helpers, imports and the table", () => {
    const square = new KernelBuilder("square", { params: ["i32"], result: "i32" });
    square.return(s.imul(square.param(0), square.param(0)));
    const report = {
      kind: "import",
      module: "env",
      name: "report",
      params: ["i32"],
      result: undefined,
    } as const;
    const first = new KernelBuilder("first");
    first.storeI32(first.args, s.i32(11), 8);
    const second = new KernelBuilder("second");
    second.storeI32(second.args, s.i32(22), 8);
    const k = binary("main");
    k.call(report, k.callValue(square, k.param(0)));
    k.callIndirect(first, k.param(1), s.i32(64), s.i32(0), s.i32(0));
    k.return(s.loadI32(s.i32(64), 8));
    const seen: number[] = [];
    const { call } = instantiate(
      { main: k },
      { table: [first, second], imports: { report: (x: number) => seen.push(x) } },
    );
    expect(call("main", 5, 0)).toBe(11);
    expect(call("main", 6, 1)).toBe(22);
    expect(seen).toEqual([25, 36]);
  });

  test("atomics", () => {
    const k = binary("atomics");
    const old = k.atomicAdd(s.i32(128), s.i32(5));
    const swapped = k.atomicCompareExchange(s.i32(128), s.i32(5), s.i32(40));
    const exchanged = k.atomicExchange(s.i32(132), s.i32(3));
    k.atomicStore(s.i32(136), s.i32(100));
    const woken = k.atomicNotify(s.i32(128));
    const waited = k.atomicWait(s.i32(128), s.i32(40), s.i64(1000));
    const sum = s.iadd(old, s.imul(swapped, s.i32(10)), exchanged, woken, s.imul(waited, s.i32(1000)));
    k.return(s.iadd(sum, s.atomicLoad(s.i32(136))));
    expect(instantiate({ atomics: k }).call("atomics", 0, 0)).toBe(50 + 2000 + 100);
  });

  test("a variable used outside its block is refused", () => {
    const k = new KernelBuilder("bad");
    let inner: ReturnType<KernelBuilder["let"]> | undefined;
    k.if(k.tile, () => {
      inner = k.let(s.i32(1));
    });
    k.storeI32(k.args, inner!);
    expect(() => encodeModule({ memory: MEMORY, exports: { k }, relaxed: false })).toThrow(
      /outside the block/,
    );
  });

  test("wrong types are refused where they are written", () => {
    const k = new KernelBuilder("bad");
    expect(() => s.vadd(s.f32(1), s.vconst(1))).toThrow(/got a f32, expected a v128/);
    expect(() => k.storeV(k.args, s.f32(1))).toThrow(/v128/);
    expect(() => k.return(s.i32(1))).toThrow(/expected nothing/);
    expect(() => s.shuffle(s.vconst(1), s.vconst(2), [0, 1, 2, 8])).toThrow(/lane 8/);
  });
});

describe("vectors", () => {
  for (const relaxed of hasRelaxedSimd() ? [false, true] : [false])
    test(`every operation, ${relaxed ? "with" : "without"} relaxed SIMD`, () => {
      type Case = [
        string,
        (a: KernelBuilder["parameters"][number]) => ReturnType<typeof s.vadd>,
        (x: number, i: number) => number,
      ];
      const c = (x: number) => s.vconst(x);
      const cases: Case[] = [
        ["add", (a) => s.vadd(a, c(2)), (x) => x + 2],
        ["sub", (a) => s.vsub(a, c(2)), (x) => x - 2],
        ["mul", (a) => s.vmul(a, c(3)), (x) => x * 3],
        ["div", (a) => s.vdiv(a, c(4)), (x) => x / 4],
        ["fma", (a) => s.vfma(a, c(2), c(1)), (x) => 2 * x + 1],
        ["fnma", (a) => s.vfnma(a, c(2), c(1)), (x) => 1 - 2 * x],
        ["min", (a) => s.vmin(a, c(1)), (x) => Math.min(x, 1)],
        ["max", (a) => s.vmax(a, c(1)), (x) => Math.max(x, 1)],
        ["pmin", (a) => s.vpmin(a, c(1)), (x) => Math.min(x, 1)],
        ["pmax", (a) => s.vpmax(a, c(1)), (x) => Math.max(x, 1)],
        ["sqrt", (a) => s.vsqrt(s.vabs(a)), (x) => Math.fround(Math.sqrt(Math.abs(x)))],
        ["neg", (a) => s.vneg(a), (x) => -x],
        ["floor", (a) => s.vfloor(a), Math.floor],
        ["ceil", (a) => s.vceil(a), Math.ceil],
        ["trunc", (a) => s.vtrunc(a), Math.trunc],
        ["select lt", (a) => s.vselect(s.vlt(a, c(0)), c(5), a), (x) => (x < 0 ? 5 : x)],
        ["select le", (a) => s.vselect(s.vle(a, c(1.25)), c(5), a), (x) => (x <= 1.25 ? 5 : x)],
        ["select gt", (a) => s.vselect(s.vgt(a, c(1.25)), c(5), a), (x) => (x > 1.25 ? 5 : x)],
        ["select eq", (a) => s.vselect(s.veq(a, c(1.25)), c(5), a), (x) => (x === 1.25 ? 5 : x)],
        ["shuffle", (a) => s.shuffle(a, c(9), [3, 2, 4, 0]), (_, i) => [-7.5, 3.75, 9, 1.25][i]!],
        ["sum lanes", (a) => s.vsumLanes(a), () => 1.25 - 2.5 + 3.75 - 7.5],
        ["splat lane", (a) => s.splat(s.extractLane(a, 2)), () => 3.75],
        ["replace lane", (a) => s.replaceLane(a, 1, s.f32(8)), (x, i) => (i === 1 ? 8 : x)],
        ["to i32 and back", (a) => s.vfromI32(s.vtoI32(a)), Math.trunc],
        [
          "f64 pair",
          (a) => s.wdemote(s.wmul(s.wpromoteLow(a), s.wsplat(s.f64(2)))),
          (x, i) => (i < 2 ? 2 * x : 0),
        ],
        ["sign by bits", (a) => s.vandnot(a, s.iconst4(0x80000000)), Math.abs],
      ];
      const k = new KernelBuilder("k");
      const a = k.let(s.loadV(k.args));
      cases.forEach(([, build], i) => {
        k.storeV(k.args, build(a), 16 * (i + 1));
      });
      const { call, f32 } = instantiate({ k }, { relaxed });
      const input = [1.25, -2.5, 3.75, -7.5];
      f32.set(input);
      call("k", 0, 0, 0);
      cases.forEach(([name, , run], i) => {
        const got = [...f32.subarray(4 * (i + 1), 4 * (i + 2))];
        expect(got, name).toEqual(input.map((x, lane) => Math.fround(run(x, lane))));
      });
    });

  test("integer lanes", () => {
    const k = new KernelBuilder("k");
    const a = k.let(s.loadV(k.args));
    const results = [
      s.xadd(a, s.iconst4(1)),
      s.xmul(a, s.iconst4(3)),
      s.xshrU(a, 4),
      s.xshrS(a, 4),
      s.xshl(a, 4),
      s.extmulLowU(a, s.iconst4(0x10000)),
      s.extmulHighU(a, s.iconst4(0x10000)),
    ];
    results.forEach((e, i) => {
      k.storeV(k.args, e, 16 * (i + 1));
    });
    const { call, i32 } = instantiate({ k });
    const x = [5, -5, 0x12345678, -0x12345678];
    i32.set(x);
    call("k", 0, 0, 0);
    const row = (i: number) => [...i32.subarray(4 * i, 4 * i + 4)];
    expect(row(1)).toEqual(x.map((v) => v + 1));
    expect(row(2)).toEqual(x.map((v) => Math.imul(v, 3)));
    expect(row(3)).toEqual(x.map((v) => v >>> 4));
    expect(row(4)).toEqual(x.map((v) => v >> 4));
    expect(row(5)).toEqual(x.map((v) => v << 4));
    const wide = x.map((v) => BigInt(v >>> 0) << 16n);
    const words = (v: bigint) => [Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n))];
    expect(row(6)).toEqual([...words(wide[0]!), ...words(wide[1]!)]);
    expect(row(7)).toEqual([...words(wide[2]!), ...words(wide[3]!)]);
  });

  test("partial loads and stores", () => {
    const k = new KernelBuilder("k");
    k.storeV(k.args, s.loadLane0(k.args), 16);
    k.storeV(k.args, s.loadPair(k.args), 32);
    k.storeV(k.args, s.loadSplat(k.args, 4), 48);
    k.storeLane0(k.args, s.loadV(k.args), 64);
    k.storePair(k.args, s.loadV(k.args), 80);
    const { call, f32 } = instantiate({ k });
    f32.set([1, 2, 3, 4]);
    call("k", 0, 0, 0);
    expect([...f32.subarray(4, 24)]).toEqual([1, 0, 0, 0, 1, 2, 0, 0, 2, 2, 2, 2, 1, 0, 0, 0, 1, 2, 0, 0]);
  });
});
