// What the process that started this one may ask of a training, by Node's channel between them.

import * as v from "valibot";
import type { Trainer } from "../../training/trainer.ts";
import { askToStop } from "../interrupt.ts";

const ORDERS = ["stop", "pause", "unpause"] as const;
/** An order to a training. */
export type Order = (typeof ORDERS)[number];

const orderSchema = v.picklist(ORDERS);

/** Follows orders until the returned function is called. Other messages are left alone. */
export function takeOrders(trainer: Trainer): () => void {
  const take = (message: unknown): void => {
    const order = v.safeParse(orderSchema, message);
    if (!order.success) return;
    if (order.output === "stop") askToStop();
    else trainer[order.output]();
  };
  process.on("message", take);
  return () => process.off("message", take);
}
