// The description of a butterfly, made by the families (in families/) and drawn by `render`.
import type { BodyPlan } from "./body.ts";
import type { Color } from "./color.ts";
import { edge, type Ink, type Layer } from "./layers.ts";
import type { Wing } from "./wing.ts";

export interface PaintedWing {
  readonly wing: Wing;
  readonly layers: readonly Layer[];
  /** Colour and width of the dark line around the wing. */
  readonly rim: Color;
  readonly rimWidth: number;
}

export interface Specimen {
  readonly family: string;
  readonly fore: PaintedWing;
  readonly hind: PaintedWing;
  readonly body: BodyPlan;
}

/** Applies the layers and the rim at one site. */
export function paintWing(painted: PaintedWing, at: Parameters<Layer>[0], ink: Ink, pixel: number): void {
  for (const layer of painted.layers) layer(at, ink, pixel);
  const t = edge(painted.rimWidth - at.edge, Math.max(pixel, 0.006));
  if (t > 0) {
    ink.r += (painted.rim[0] - ink.r) * t;
    ink.g += (painted.rim[1] - ink.g) * t;
    ink.b += (painted.rim[2] - ink.b) * t;
  }
}
