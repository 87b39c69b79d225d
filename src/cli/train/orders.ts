// What the process that started this one may ask of a training, by Node's channel between them.

import * as v from "valibot";
import type { Trainer } from "../../training/trainer.ts";
import { askToStop } from "../interrupt.ts";

const ORDERS = ["stop", "pause", "unpause"] as const;
/** An order to a training. */
export type Order = (typeof ORDERS)[number];

const orderSchema = v.picklist(ORDERS);

/** Takes orders from its making to its end, also while the training is prepared. Other messages are left alone. */
export class Orders {
  #trainer: Pick<Trainer, "pause" | "unpause"> | undefined;
  #isPaused = false;

  constructor() {
    process.on("message", this.#take);
  }

  /** The training that waits from now on, or at once, where that was asked for before. */
  follow(trainer: Pick<Trainer, "pause" | "unpause">): void {
    this.#trainer = trainer;
    if (this.#isPaused) trainer.pause();
  }

  end(): void {
    process.off("message", this.#take);
  }

  readonly #take = (message: unknown): void => {
    const order = v.safeParse(orderSchema, message);
    if (!order.success) return;
    if (order.output === "stop") {
      askToStop();
      return;
    }
    this.#isPaused = order.output === "pause";
    this.#trainer?.[order.output]();
  };
}
