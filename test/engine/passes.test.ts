// The passes as pure functions: views, fusion decisions, memory plans.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuCapabilities } from "../../src/engine/backends/cpu/cpu_kernels.ts";
import { type Node, topologicalOrder } from "../../src/engine/graph.ts";
import { boundaries, domainOf, isChain, stridesOver } from "../../src/engine/passes/domain.ts";
import { fuse, type Step } from "../../src/engine/passes/fuse.ts";
import { planMemory } from "../../src/engine/passes/plan_memory.ts";
import { isContiguous, isIdentity, type View, viewThrough, wholeView } from "../../src/engine/passes/view.ts";
import { contiguousStrides, forEachOffset, numel } from "../../src/engine/shape.ts";
import { grad, input, type Tensor, variable } from "../../src/engine/tensor.ts";
import { silu } from "../../src/nn/activations.ts";
import { GroupNorm } from "../../src/nn/group_norm.ts";

/** The view of a chain of movement ops, as long as strides can describe it. */
function viewOf(node: Node): View | null {
  if (node.op.kind === "input") return wholeView(node);
  const source = viewOf(node.inputs[0]);
  return source && viewThrough(node, source);
}

/** Flat source positions that a view reads, in order. */
function positions(view: View): number[] {
  const read: number[] = [];
  forEachOffset(view.shape, view.strides, view.offset, (offset) => read.push(offset));
  return read;
}

describe("views", () => {
  test("permute, slice and expand are strides", () => {
    const x = input([2, 3, 4]);
    const view = viewOf(x.permute([2, 0, 1]).slice([1, 0, 0], [2, 2, 3]).node);
    expect(view && positions(view)).toEqual([1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22]);
    const repeated = viewOf(input([3, 1]).broadcastTo([2, 3, 2]).node);
    expect(repeated && positions(repeated)).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
  });

  test("a reshape is strides when axes that it joins are evenly spaced, else a copy", () => {
    const x = input([4, 6, 5]);
    expect(viewOf(x.permute([1, 0, 2]).reshape([6, 20]).node)?.strides).toBeUndefined();
    expect(viewOf(x.slice([1, 0, 0], [2, 6, 5]).reshape([12, 5]).node)).toMatchObject({
      strides: [5, 1],
      offset: 30,
    });
    expect(viewOf(x.permute([2, 0, 1]).reshape([5, 2, 2, 6]).node)?.strides).toEqual([1, 60, 30, 5]);
  });

  test("what is contiguous, and what is the whole", () => {
    const x = input([4, 6]);
    const [whole, rows, columns] = [x.reshape([2, 12]), x.slice([1, 0], [2, 6]), x.slice([0, 1], [4, 5])].map(
      (t) => viewOf(t.node),
    );
    expect([whole, rows, columns].map((view) => view && isContiguous(view))).toEqual([true, true, false]);
    expect([whole, rows, columns].map((view) => view && isIdentity(view))).toEqual([true, false, false]);
  });
});

describe("domains", () => {
  test("shapes whose boundaries line up share a loop nest", () => {
    const cuts = new Set([...boundaries([2, 4, 4, 6]), ...boundaries([2, 16, 6]), ...boundaries([32, 2, 3])]);
    expect(isChain(cuts)).toBe(true);
    expect(domainOf(cuts)).toEqual([2, 4, 4, 2, 3]);
    expect(stridesOver([2, 4, 4, 2, 3], [2, 16, 6], [96, 0, 1])).toEqual([96, 0, 0, 3, 1]);
    expect(isChain(new Set([...boundaries([4, 6]), ...boundaries([6, 4])]))).toBe(false);
  });

  test("strides over a finer domain reach the same elements", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }), (shape) => {
        const halves = shape.flatMap((size) => (size % 2 === 0 ? [2, size / 2] : [size]));
        const domain = domainOf(boundaries(halves));
        const strides = stridesOver(domain, shape, contiguousStrides(shape));
        const read: number[] = [];
        forEachOffset(domain, strides, 0, (offset) => read.push(offset));
        expect(read).toEqual(Array.from({ length: numel(shape) }, (_, i) => i));
      }),
    ));
});

function fused(...outputs: Tensor[]) {
  const roots = outputs.map((output) => output.node);
  const order = topologicalOrder(roots).sort((a, b) => a.id - b.id);
  return fuse(order, roots, cpuCapabilities);
}

const loops = (steps: readonly Step[]) => steps.filter((step) => step.kind === "loop");

describe("fusion", () => {
  test("a chain of pointwise ops is one loop", () => {
    const x = input([8, 16]);
    const { steps } = fused(x.exp().add(1).mul(x).sigmoid().sub(x.square()));
    expect(steps).toHaveLength(1);
  });

  test("an update with several results is one loop", () => {
    const [weight, moment] = [variable([64], "weight"), variable([64], "moment")];
    const gradient = input([64]);
    const next = moment.mul(0.9).add(gradient.mul(0.1));
    expect(fused(next, weight.sub(next.mul(0.01))).steps).toHaveLength(1);
  });

  test("a value that costs one read is computed again, a sum of two is stored", () => {
    const filter = input([3, 3, 8, 8]);
    const options = { stride: [1, 1], padding: [1, 1, 1, 1] } as const;
    const cheap = input([1, 6, 6, 8]).exp();
    const once = fused(cheap.conv2d(filter, options).sum(), cheap.sum([1, 2]), cheap.mul(2));
    expect(once.isStored(cheap.node)).toBe(true); // the convolution reads it from memory
    const recomputed = fused(cheap.sum([1, 2]), cheap.max([3]), cheap.reshape([36, 8]).sum([1]));
    expect(recomputed.isStored(cheap.node)).toBe(false);
    const dear = input([1, 6, 6, 8]).add(input([1, 6, 6, 8]));
    expect(fused(dear.sum([1, 2]), dear.max([3]), dear.exp()).isStored(dear.node)).toBe(true);
  });

  test("a bias is part of the product it is added to, unless the product is used elsewhere too", () => {
    const [x, filter, bias] = [input([1, 6, 6, 8]), input([3, 3, 8, 4]), input([4])];
    const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
    expect(fused(y.add(bias)).steps).toMatchObject([
      { kind: "primitive", product: y.node, bias: expect.anything() },
    ]);
    expect(fused(y.add(bias), y.exp()).isStored(y.node)).toBe(true);
    expect(fused(y.add(input([6, 1, 4]))).isStored(y.node)).toBe(true);
  });

  test("a residual is part of the product it is added to, unless it would have to be computed first", () => {
    const [x, filter, bias] = [input([2, 6, 6, 4]), input([3, 3, 4, 4]), input([4])];
    const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
    const biased = y.add(bias);
    const tail = { kind: "primitive", product: y.node };
    expect(fused(x.add(biased)).steps).toMatchObject([
      { ...tail, bias: expect.anything(), residual: x.node },
    ]);
    const flat = biased.reshape([72, 4]).add(x.reshape([72, 4]));
    expect(fused(flat).steps).toMatchObject([{ ...tail, node: flat.node, bias: expect.anything() }]);
    expect(fused(x.add(y)).steps).toMatchObject([{ ...tail, bias: null, residual: x.node }]);
    expect(fused(x.add(biased), biased).isStored(biased.node)).toBe(true);
    expect(fused(x.exp().add(biased)).isStored(biased.node)).toBe(true);
    expect(fused(x.permute([0, 2, 1, 3]).add(biased)).isStored(biased.node)).toBe(true);
  });

  test("one vector for each image is a residual of a convolution that knows images", () => {
    const x = input([2, 6, 6, 4]);
    const time = input([2, 4]).reshape([2, 1, 1, 4]);
    const [wide, narrow] = [3, 1].map((side) => {
      const padding = side === 3 ? ([1, 1, 1, 1] as const) : ([0, 0, 0, 0] as const);
      return x.conv2d(input([side, side, 4, 4]), { stride: [1, 1], padding });
    });
    expect(fused(wide.add(time)).steps).toMatchObject([
      { kind: "primitive", product: wide.node, bias: null },
    ]);
    const one = input([1, 6, 6, 4]).conv2d(input([3, 3, 4, 4]), { stride: [1, 1], padding: [1, 1, 1, 1] });
    expect(fused(one.add(input([1, 4]).reshape([1, 1, 1, 4]))).isStored(one.node)).toBe(false);
    expect(fused(narrow.add(time)).isStored(narrow.node)).toBe(true);
    expect(fused(wide.add(input([2, 6, 1, 4]))).isStored(wide.node)).toBe(true);
  });

  test("of two products that are added up, the later one adds", () => {
    const [x, filter] = [input([1, 6, 6, 4]), input([1, 1, 4, 4])];
    const options = { stride: [1, 1], padding: [0, 0, 0, 0] } as const;
    const first = x.conv2d(filter, options);
    const second = x.exp().conv2d(filter, options);
    for (const sum of [first.add(second), second.add(first)]) {
      const { steps, isStored } = fused(sum);
      expect(steps.at(-1)).toMatchObject({ product: second.node, residual: first.node });
      expect([first, second].map(({ node }) => isStored(node))).toEqual([true, false]);
    }
  });

  test("group norm and SiLU take two passes over the image forward and two backward", () => {
    const shape = [2, 8, 8, 16];
    const [x, target] = [input(shape), input(shape)];
    const norm = new GroupNorm({ groups: 4, channels: 16, eps: 1e-5 });
    const y = silu(norm.forward(x));
    const loss = y.mul(target).sum();
    const size = numel(shape);
    const overImage = (steps: readonly Step[]) =>
      loops(steps).filter((step) =>
        step.results.some(
          (node) => numel(node.op.kind === "reduce" ? node.inputs[0].shape : node.shape) === size,
        ),
      ).length;
    const forward = overImage(fused(y).steps);
    expect(forward).toBe(2);
    const both = overImage(fused(y, ...grad(loss, [x])).steps);
    expect(both - forward).toBe(2);
  });
});

describe("memory plan", () => {
  const lifetime = fc
    .record({ bytes: fc.integer({ min: 1, max: 5000 }), first: fc.nat(30), length: fc.nat(10) })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));

  test("buffers that live at the same time never overlap, and the arena holds them all", () =>
    fc.assert(
      fc.property(fc.array(lifetime, { maxLength: 40 }), (buffers) => {
        const { offsets, bytes } = planMemory(buffers);
        for (const [i, a] of buffers.entries()) {
          expect(offsets[i] % 64).toBe(0);
          expect(offsets[i] + a.bytes).toBeLessThanOrEqual(bytes);
          for (const [j, b] of buffers.entries()) {
            if (i === j || a.last < b.first || b.last < a.first) continue;
            const apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
            expect(apart).toBe(true);
          }
        }
      }),
    ));

  test("no buffer crosses the border of two pieces of the arena", () =>
    fc.assert(
      fc.property(fc.array(lifetime, { maxLength: 40 }), (buffers) => {
        const piece = 20 * 256;
        const { offsets, bytes } = planMemory(buffers, { alignment: 256, piece });
        for (const [i, a] of buffers.entries()) {
          expect(offsets[i] % 256).toBe(0);
          expect(Math.floor((offsets[i] + a.bytes - 1) / piece)).toBe(Math.floor(offsets[i] / piece));
          expect(offsets[i] + a.bytes).toBeLessThanOrEqual(bytes);
          for (const [j, b] of buffers.entries()) {
            if (i === j || a.last < b.first || b.last < a.first) continue;
            expect(offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i]).toBe(true);
          }
        }
      }),
    ));

  test("a buffer that is larger than a piece is refused", () => {
    const plan = () => planMemory([{ bytes: 300, first: 0, last: 0 }], { alignment: 64, piece: 256 });
    expect(plan).toThrow("does not fit into pieces of 256");
  });

  test("buffers that follow each other share their place", () => {
    const buffers = Array.from({ length: 9 }, (_, i) => ({ bytes: 1024, first: i, last: i }));
    expect(planMemory(buffers).bytes).toBe(1024);
  });
});
