// A compiled program of a CPU backend.

import {
  type Executable,
  type HostArray,
  type KernelTiming,
  LateReadError,
  type ProgramRun,
  type ProgramSpec,
  type ProgramStats,
  readOutputs,
} from "../../backend.ts";
import { checkFeeds } from "../../checks.ts";
import { toElements } from "../../elements.ts";
import { PreludeWatch } from "../../program/prelude.ts";
import type { KernelCall } from "../../program/program.ts";
import { numel } from "../../shape.ts";
import type { Kernel } from "./kernels/kernel.ts";
import { type LinearMemory, readFloats } from "./linear_memory.ts";
import type { StepTable } from "./memory_layout.ts";
import type { Placement } from "./placement.ts";
import { secondsOfSteps } from "./profile_times.ts";

/** What a program needs from its backend. */
export interface Machine {
  readonly memory: LinearMemory;
  readonly threads: number;
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly run: (table: StepTable, times: boolean) => Promise<void>;
  readonly dispose: () => void;
}

export class CpuExecutable implements Executable {
  readonly stats: ProgramStats;
  readonly #program: ProgramSpec;
  readonly #placement: Placement;
  readonly #machine: Machine;
  readonly #inputs: (number | undefined)[];
  readonly #prelude: PreludeWatch;
  #begun = 0;
  #disposed = false;

  constructor(program: ProgramSpec, placement: Placement, machine: Machine) {
    const { lowered } = placement;
    const calls = callsOfRun(placement);
    this.#program = program;
    this.#placement = placement;
    this.#machine = machine;
    this.#prelude = new PreludeWatch(placement.preludeReads);
    this.#inputs = program.inputs.map(({ node }) => {
      const buffer = lowered.buffers.findIndex(({ place }) => place.kind === "input" && place.node === node);
      return buffer === -1 ? undefined : placement.addressOf(buffer);
    });
    this.stats = {
      arenaBytes: placement.layout.arenaBytes,
      flops: calls.reduce((total, call) => total + call.kernel.flops, 0),
      kernels: calls.length,
    };
  }

  begin(feeds: readonly HostArray[]): ProgramRun {
    checkFeeds(this.#program, feeds);
    const { inTurn } = this.#machine;
    const number = ++this.#begun;
    const done = inTurn(() => this.#start(feeds, this.#placement.layout.tables.main, false));
    // Callers that await the run or read from it get the error.
    done.catch(() => undefined);
    const read = async (output: number): Promise<Float32Array> => {
      if (number !== this.#begun) throw new LateReadError(this.#program.name, output);
      return inTurn(async () => {
        await done;
        return this.#output(output);
      });
    };
    return { done, read };
  }

  run(feeds: readonly HostArray[]): Promise<Float32Array[]> {
    return readOutputs(this.begin(feeds), this.#program.outputs.length);
  }

  profile(feeds: readonly HostArray[]): Promise<KernelTiming[]> {
    checkFeeds(this.#program, feeds);
    this.#begun++;
    return this.#machine.inTurn(async () => {
      const { layout } = this.#placement;
      await this.#start(feeds, layout.tables.single, true);
      const { memory, threads } = this.#machine;
      const bytes = layout.timesBytes * threads;
      const { buffer, at } = await memory.view(this.#placement.at(layout.times), bytes);
      const times = new Float64Array(buffer, at, bytes / Float64Array.BYTES_PER_ELEMENT);
      const seconds = secondsOfSteps(times, threads);
      return callsOfRun(this.#placement).map(({ kernel, label }, i) => ({
        family: kernel.family,
        label,
        seconds: seconds[i],
        flops: kernel.flops,
        fewerFlops: kernel.fewerFlops === true,
        bytes: kernel.bytes,
      }));
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#machine.dispose();
  }

  /** A copy of an output's values. */
  async #output(i: number): Promise<Float32Array> {
    this.#checkUsable();
    const { buffer, offset } = this.#placement.lowered.outputs[i];
    const address = this.#placement.addressOf(buffer) + offset;
    const { shape, dtype } = this.#program.outputs[i];
    return readFloats(this.#machine.memory, { address, count: numel(shape), dtype });
  }

  #checkUsable(): void {
    if (this.#disposed) throw new Error(`${this.#program.name}: the program was disposed of`);
  }

  async #start(feeds: readonly HostArray[], table: StepTable, times: boolean): Promise<void> {
    this.#checkUsable();
    for (const [i, feed] of feeds.entries()) {
      const address = this.#inputs[i];
      if (address !== undefined) {
        this.#machine.memory.write(address, toElements(feed, this.#program.inputs[i].dtype));
      }
    }
    await this.#prepare();
    await this.#machine.run(table, times);
  }

  /** Runs the prelude if it has not run since its variables were last written. */
  async #prepare(): Promise<void> {
    const versions = this.#prelude.due();
    if (versions === undefined) return;
    const { prelude } = this.#placement.layout.tables;
    if (prelude.steps.length > 0) await this.#machine.run(prelude, false);
    this.#prelude.hasRun(versions);
  }
}

/** The calls of each run: all but the prelude. */
const callsOfRun = ({ lowered }: Placement): readonly KernelCall<Kernel>[] =>
  lowered.calls.slice(lowered.preludeCalls);
