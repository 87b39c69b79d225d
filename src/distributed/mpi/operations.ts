// The operations of a communicator as courses of messages, with the memory that they need beside the caller's.

import type { ForeignCalls } from "../../platform/native.ts";
import { broadcastSlices, meet, receiveFrom, sendTo } from "./collectives.ts";
import { Course, type Messages, type Strand } from "./messages.ts";
import { sumSlices } from "./tree_sum.ts";

/** Slices or senders at a time: enough that there is always one to add or to send while others wait. */
const WIDTH = 4;
/** Floats of a sum's slice: its transfer takes long beside the cost of a message. */
const SLICE = 1 << 18;

/** An operation of this rank, and what it is for. */
export interface Running<Result = undefined> {
  readonly course: Course;
  /** Complete when the course is done. */
  readonly result: Result;
}

export class Operations {
  readonly #messages: Messages;
  readonly #foreign: ForeignCalls;
  /** For the slices of sums that others send. */
  #scratch: Float32Array | undefined;

  constructor(messages: Messages, foreign: ForeignCalls) {
    this.#messages = messages;
    this.#foreign = foreign;
  }

  broadcast(address: number, bytes: number, root: number): Course {
    return new Course(broadcastSlices(this.#messages, address, bytes, root), WIDTH);
  }

  /** Sums floats in place. */
  sum(address: number, count: number): Course {
    this.#scratch ??= new Float32Array(WIDTH * SLICE);
    const first = this.#foreign.addressOf(this.#scratch);
    const scratch = Array.from({ length: WIDTH }, (_, i) => first + i * SLICE * 4);
    return new Course(sumSlices(this.#messages, address, count, { slice: SLICE, scratch }), WIDTH);
  }

  /** Collects the bytes of ranks 1, 2, ... at rank 0. */
  gather(address: number, bytes: number): Running<Uint8Array<ArrayBuffer>[]> {
    const { rank, size } = this.#messages;
    const result: Uint8Array<ArrayBuffer>[] = [];
    const others = Array.from({ length: rank === 0 ? size - 1 : 0 }, (_, i) => i + 1);
    const strands =
      rank === 0 ? others.map((from) => this.#collect(from, result)) : [this.#give(address, bytes)];
    return { course: new Course(strands, WIDTH), result };
  }

  barrier(): Course {
    return new Course([meet(this.#messages, this.#foreign.addressOf(new Float64Array(1)))], 1);
  }

  *#collect(from: number, result: Uint8Array<ArrayBuffer>[]): Strand {
    const length = new Float64Array(1);
    yield [this.#messages.receive(this.#foreign.addressOf(length), length.byteLength, from, 0)];
    const bytes = new Uint8Array(length[0]);
    yield* receiveFrom(this.#messages, this.#foreign.addressOf(bytes), bytes.byteLength, from);
    result[from - 1] = bytes;
  }

  *#give(address: number, bytes: number): Strand {
    const length = Float64Array.of(bytes);
    yield [this.#messages.send(this.#foreign.addressOf(length), length.byteLength, 0, 0)];
    yield* sendTo(this.#messages, address, bytes, 0);
  }
}
