// Whites, sulphurs, jezebels and blues.
import { hex, mix, vary } from "../color.ts";
import * as paint from "../layers.ts";
import type { Draw } from "../random.ts";
import { forewing, hindwing } from "../shapes.ts";
import type { Specimen } from "../specimen.ts";
import { bodyOf, painted } from "./dress.ts";

/** Lemon to orange with a dark edge and one cell spot: Colias, Gonepteryx. */
export function sulphur(draw: Draw): Specimen {
  const yellow = vary(draw, draw.pick([hex(0xf6d83c), hex(0xf3b32e), hex(0xf2e77a), hex(0xf09a2e)]), 6);
  const dark = vary(draw, draw.pick([hex(0x2a2119), hex(0x4a3524)]), 10);
  const spot = vary(draw, hex(0xe8762a));
  const fore = forewing(draw, { raise: 38, breadth: 0.72, point: 0.45, hollow: 0, scallop: 0 });
  const hind = hindwing(draw, { length: 0.65, drawn: 0.05, scallop: 0 });
  const rim = draw.range(0.09, 0.17);
  const dotted = draw.chance(0.4);
  const finish = { rim: dark, width: 0.012, relief: 0.06 };
  return {
    family: "sulphur",
    fore: painted(draw, fore, finish, [
      paint.ground(yellow, mix(yellow, hex(0xffffff), 0.12)),
      paint.veins(mix(yellow, dark, 0.35), 0.003),
      paint.border(fore, dark, { costa: 0.02, apex: rim * 1.7, tornus: rim, bite: 0.1 }),
      ...(dotted
        ? [
            paint.spots(fore, yellow, {
              v: 0.91,
              length: 0.024,
              width: [0, 0.4, 0.45, 0.5, 0.5, 0.5, 0.5, 0.3],
            }),
          ]
        : []),
      paint.eyespot(fore, 0.42, 0.54, draw.range(0.03, 0.05), [{ color: dark, radius: 1 }], {
        stretch: 1.2,
      }),
      paint.base(dark, 0.2, 0.5),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(yellow),
      paint.veins(mix(yellow, dark, 0.3), 0.003),
      paint.border(hind, dark, { costa: 0, apex: rim * 0.6, tornus: rim * 0.55, bite: 0.1 }),
      paint.eyespot(hind, 0.52, 0.48, draw.range(0.045, 0.065), [{ color: spot, radius: 1 }]),
      paint.base(dark, 0.25, 0.4),
    ]),
    body: bodyOf(draw, mix(dark, yellow, 0.15), yellow, 0.4, 0.38),
  };
}

/** White or cream with a coloured or black tip: Anthocharis, Pieris, Colotis. */
export function orangeTip(draw: Draw): Specimen {
  const white = vary(draw, draw.pick([hex(0xf3f0e6), hex(0xf6ecc2), hex(0xeef2f2)]), 10, 0.01);
  const dark = vary(draw, hex(0x2b2624), 10);
  const tip = vary(
    draw,
    draw.pick([hex(0xf28a2a), hex(0xe8543a), hex(0xc23f9a), hex(0x2b2624), hex(0xf2b83a)]),
    6,
  );
  const fore = forewing(draw, { raise: 38, breadth: 0.72, point: 0.3, hollow: -0.01, scallop: 0 });
  const hind = hindwing(draw, { length: 0.66, drawn: 0.05, scallop: 0.005 });
  const near = draw.range(0.55, 0.68);
  const until = draw.range(0.5, 0.72);
  const finish = { rim: mix(dark, white, 0.25), width: 0.01, relief: 0.05 };
  return {
    family: "orange-tip",
    fore: painted(draw, fore, finish, [
      paint.ground(white),
      paint.veins(mix(white, dark, 0.4), 0.003),
      paint.apical(fore, mix(tip, dark, 0.85), near - 0.03, until + 0.04),
      paint.apical(fore, tip, near, until),
      paint.border(fore, dark, { costa: 0.014, apex: 0.09, tornus: 0.02, bite: 0.4 }),
      paint.eyespot(fore, 0.42, 0.52, draw.range(0.028, 0.045), [{ color: dark, radius: 1 }]),
      paint.base(mix(dark, white, 0.3), 0.25, 0.6),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(white),
      paint.veins(mix(white, dark, 0.35), 0.003),
      paint.spots(hind, dark, { v: 0.96, length: 0.03, width: draw.pick([0, 0.35]), power: 1 }),
      paint.base(mix(dark, white, 0.3), 0.3, 0.6),
    ]),
    body: bodyOf(draw, dark, white, 0.3, 0.38),
  };
}

/** Pale with black veins, yellow and red behind: Delias, Aporia. */
export function jezebel(draw: Draw): Specimen {
  const pale = vary(draw, draw.pick([hex(0xf2efe4), hex(0xdfe6ea), hex(0xf6e7a8)]), 8, 0.01);
  const dark = vary(draw, draw.pick([hex(0x231d1b), hex(0x3a3434)]), 10);
  const warm = vary(draw, draw.pick([hex(0xf0c22e), hex(0xe2402e), hex(0xf08a34), hex(0xf2efe4)]), 6);
  const fore = forewing(draw, { raise: 38, breadth: 0.66, point: 0.2, hollow: -0.01, scallop: 0 });
  const hind = hindwing(draw, { length: 0.64, drawn: 0.1, scallop: 0.006 });
  const vein = draw.range(0.005, 0.01);
  const rim = draw.range(0.05, 0.11);
  const finish = { rim: dark, width: 0.012, relief: 0.06 };
  return {
    family: "jezebel",
    fore: painted(draw, fore, finish, [
      paint.ground(pale),
      paint.veins(dark, vein, { flare: 1 }),
      paint.border(fore, dark, { costa: 0.025, apex: rim * 1.6, tornus: rim, bite: 0.7, soft: 0.02 }),
      paint.spots(fore, pale, { v: 0.9, length: 0.03, width: draw.pick([0, 0.5]) }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(mix(pale, warm, 0.35), warm, 0.2, 0.7),
      paint.veins(dark, vein * 0.9, { flare: 1 }),
      paint.border(hind, dark, { costa: 0.01, apex: rim, tornus: rim * 1.2, bite: 0.6 }),
      paint.spots(hind, mix(warm, hex(0xffffff), 0.3), { v: 0.9, length: 0.03, width: 0.5 }),
    ]),
    body: bodyOf(draw, dark, pale, 0.3, 0.38),
  };
}

/** Sky blue, violet or copper with a thin dark edge, white fringe and orange crescents: Lycaenidae. */
export function azure(draw: Draw): Specimen {
  const color = vary(
    draw,
    draw.pick([hex(0x6f8fe6), hex(0x8f78dc), hex(0x4fb0e0), hex(0xe0682c), hex(0x6fc0c0)]),
    10,
  );
  const dark = vary(draw, hex(0x2a2530), 20, 0.02);
  const orange = vary(draw, hex(0xf0842c));
  const fringe = hex(0xf4f1ec);
  const fore = forewing(draw, { raise: 37, breadth: 0.72, point: 0.35, hollow: -0.02, scallop: 0 });
  const hind = hindwing(draw, {
    length: 0.64,
    drawn: 0.1,
    scallop: 0.006,
    ...(draw.chance(0.35) ? { tail: { length: 0.12, stem: 0.01, club: 0.012 } } : {}),
  });
  const rim = draw.range(0.05, 0.12);
  const spotted = draw.chance(0.4);
  const finish = { rim: mix(fringe, dark, 0.35), width: 0.018, relief: 0.1 };
  return {
    family: "azure",
    fore: painted(draw, fore, finish, [
      paint.ground(color, mix(color, hex(0xffffff), 0.12), 0.2, 0.8),
      paint.veins(mix(color, dark, 0.4), 0.0035),
      paint.border(fore, dark, { costa: 0.02, apex: rim * 1.3, tornus: rim, bite: 0.25, soft: 0.02 }),
      ...(spotted
        ? [
            paint.spots(fore, dark, {
              v: 0.74,
              length: 0.028,
              width: [0.3, 0.5, 0.5, 0.5, 0.45, 0.4, 0.35, 0],
            }),
            paint.bar(dark, 0.48, 0.025),
          ]
        : []),
      paint.base(mix(color, hex(0xffffff), 0.4), 0.25, 0.4),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(color),
      paint.veins(mix(color, dark, 0.4), 0.0035),
      paint.border(hind, dark, { costa: 0.02, apex: rim * 0.9, tornus: rim * 0.8, bite: 0.25, soft: 0.02 }),
      paint.spots(hind, orange, {
        v: 0.84,
        length: 0.035,
        width: [0, 0, 0.4, 0.5, 0.55, 0.6, 0.5],
        bend: -0.4,
      }),
      paint.spots(hind, dark, { v: 0.9, length: 0.022, width: [0, 0.35, 0.4, 0.4, 0.4, 0.4, 0.4] }),
    ]),
    body: bodyOf(draw, mix(dark, color, 0.25), fringe, 0.2, 0.36),
  };
}
