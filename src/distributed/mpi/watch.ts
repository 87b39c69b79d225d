// Signs of life: each second every rank sends rank 0 a small message, and rank 0 sends one to every rank. Who stays silent too
// long is lost: killed, stopped, or cut off from the network. A sign also says what its rank is doing, so that ranks which
// wait for each other in different calls find out.

import { type Messages, type Pending, SIGN_TAG } from "./messages.ts";
import type { Operation } from "./protocol.ts";
import { Silence } from "./silence.ts";

/** Milliseconds between two signs. */
const BEAT = 1000;
/** How much longer each further rank waits for rank 0, so that one of them says that it is lost. */
const TURN = 1000;
/** Ranks that wait longer and longer. */
const TURNS = 10;
/** Numbers of a sign: whether it is the last, the number of the call, its history, its kind, its length. */
const WORDS = 5;
const KINDS: readonly Operation["kind"][] = ["barrier", "broadcast", "sum", "gather", "close"];

/** What a rank is doing, or did last. */
export interface Doing {
  /** The number of the call. */
  readonly call: number;
  readonly operation: Operation;
  /** Differs where the calls up to this one differ. */
  readonly history: number;
}

/** The next call of a rank. */
export function nextDoing(last: Doing | undefined, operation: Operation): Doing {
  const [kind, length] = [KINDS.indexOf(operation.kind), lengthOf(operation)];
  const mixed = Math.imul((last?.history ?? 0) + KINDS.length * length + kind + 1, 0x9e3779b1);
  return { call: (last?.call ?? 0) + 1, operation, history: mixed ^ (mixed >>> 15) };
}

interface Peer {
  readonly rank: number;
  readonly silence: Silence;
  readonly inbox: Float64Array;
  readonly outbox: Float64Array;
  receiving: Pending | undefined;
  sending: Pending | undefined;
  /** When the next sign is due. */
  due: number;
  hasSaidGoodbye: boolean;
  isGone: boolean;
}

export class Watch {
  readonly #messages: Messages;
  readonly #addressOf: (array: ArrayBufferView) => number;
  readonly #nameOf: (rank: number) => string;
  readonly #timeout: number;
  /** Milliseconds. */
  readonly #limit: number;
  readonly #peers: readonly Peer[];
  #isLeaving = false;

  /**
   * @param addressOf where an array lies for the messages
   * @param nameOf the name of a rank in messages to people
   * @param timeout seconds of silence after which a rank is lost; 0: never
   */
  constructor(
    messages: Messages,
    addressOf: (array: ArrayBufferView) => number,
    nameOf: (rank: number) => string,
    timeout: number,
    now: number,
  ) {
    this.#messages = messages;
    this.#addressOf = addressOf;
    this.#nameOf = nameOf;
    this.#timeout = timeout;
    const turn = Math.min(Math.max(messages.rank - 1, 0), TURNS) * TURN;
    this.#limit = timeout === 0 ? Number.POSITIVE_INFINITY : timeout * 1000 + turn;
    const ranks = messages.rank === 0 ? Array.from({ length: messages.size - 1 }, (_, i) => i + 1) : [0];
    this.#peers = ranks.map((rank) => ({
      rank,
      silence: new Silence(now),
      inbox: new Float64Array(WORDS),
      outbox: new Float64Array(WORDS),
      receiving: undefined,
      sending: undefined,
      due: now,
      hasSaidGoodbye: false,
      isGone: false,
    }));
  }

  /** Sends and receives signs. @returns what is wrong, if something is: the line for people */
  look(now: number, doing: Doing | undefined): string | undefined {
    for (const peer of this.#peers) {
      try {
        const problem = this.#hear(peer, now, doing);
        if (problem !== undefined) return problem;
        this.#speak(peer, now, doing);
      } catch (error) {
        return `${this.#nameOf(peer.rank)} cannot be reached: ${error instanceof Error ? error.message : error}`;
      }
    }
    return undefined;
  }

  /** From now on this rank says goodbye; `hasLeft` when all have. */
  leave(): void {
    this.#isLeaving = true;
  }

  get hasLeft(): boolean {
    return this.#peers.every((peer) => peer.isGone && peer.hasSaidGoodbye && peer.sending === undefined);
  }

  #hear(peer: Peer, now: number, doing: Doing | undefined): string | undefined {
    if (peer.isGone) return undefined;
    peer.receiving ??= this.#messages.receive(
      this.#addressOf(peer.inbox),
      peer.inbox.byteLength,
      peer.rank,
      SIGN_TAG,
    );
    if (!peer.receiving.isDone()) {
      if (peer.silence.look(now) <= this.#limit) return undefined;
      return `${this.#nameOf(peer.rank)} shows no sign of life for ${this.#timeout} s`;
    }
    peer.receiving = undefined;
    peer.silence.look(now);
    peer.silence.end();
    peer.isGone = peer.inbox[0] !== 0;
    return this.#difference(peer, doing);
  }

  #speak(peer: Peer, now: number, doing: Doing | undefined): void {
    if (peer.sending?.isDone() === true) peer.sending = undefined;
    const isDue = now >= peer.due || (this.#isLeaving && !peer.hasSaidGoodbye);
    if (peer.sending !== undefined || peer.hasSaidGoodbye || !isDue) return;
    peer.outbox.set([this.#isLeaving ? 1 : 0, ...numbersOf(doing)]);
    peer.hasSaidGoodbye = this.#isLeaving;
    peer.due = now + BEAT;
    peer.sending = this.#messages.send(
      this.#addressOf(peer.outbox),
      peer.outbox.byteLength,
      peer.rank,
      SIGN_TAG,
    );
  }

  /** What a rank does other than this one in the same call. */
  #difference(peer: Peer, doing: Doing | undefined): string | undefined {
    if (doing === undefined) return undefined;
    const [, call, history, kind, length] = peer.inbox;
    const [, , ownKind, ownLength] = numbersOf(doing);
    if (call !== doing.call || history === doing.history) return undefined;
    const [here, there] = [this.#messages.rank, peer.rank].map(this.#nameOf);
    if (kind === ownKind && length === ownLength)
      return `${there} and ${here} have not done the same before their call ${call}`;
    return `${there} and ${here} do not do the same: ${wordsOf(kind, length)} and ${wordsOf(ownKind, ownLength)}`;
  }
}

function wordsOf(kind: number, length: number): string {
  const name = KINDS[kind] ?? "an unknown call";
  return length > 0 ? `${name} of ${length}` : name;
}

function numbersOf(doing: Doing | undefined): [call: number, history: number, kind: number, length: number] {
  if (doing === undefined) return [0, 0, 0, 0];
  const { call, history, operation } = doing;
  return [call, history, KINDS.indexOf(operation.kind), lengthOf(operation)];
}

/** What must be equal on all ranks; bytes or elements. */
function lengthOf(operation: Operation): number {
  if (operation.kind === "broadcast") return operation.bytes;
  return operation.kind === "sum" ? operation.count : 0;
}
