// Birdwings, apollos and cattlehearts.
import { hex, mix, vary } from "../color.ts";
import * as paint from "../layers.ts";
import type { Draw } from "../random.ts";
import { forewing, hindwing } from "../shapes.ts";
import type { Specimen } from "../specimen.ts";
import { bodyOf, painted } from "./dress.ts";

/** Long black forewings with pale rays, golden or green hindwings: Troides, Ornithoptera. */
export function birdwing(draw: Draw): Specimen {
  const black = vary(draw, hex(0x14110f), 20, 0.015);
  const gold = vary(draw, draw.pick([hex(0xf0c21c), hex(0xe8b012), hex(0xb7cf2a), hex(0xf2d84e)]), 6);
  const rays = mix(black, draw.pick([hex(0xb9ad98), hex(0x8d8474), hex(0xd2c8a8)]), draw.range(0.4, 0.8));
  const fore = forewing(draw, { raise: 42, breadth: 0.58, point: 0.5, hollow: 0.02 });
  const hind = hindwing(draw, { length: 0.58, drawn: 0.25, scallop: 0.03 });
  const rim = draw.range(0.07, 0.12);
  const spotted = draw.chance(0.5);
  const green = draw.chance(0.3);
  const sash = vary(draw, hex(0xa6d334), 12);
  return {
    family: "birdwing",
    fore: painted(draw, fore, { rim: black, width: 0.012, relief: 0.12 }, [
      paint.ground(black),
      ...(green
        ? [
            paint.band(sash, { v: [0.42, 0.5, 0.62], width: [0.4, 0.03], u: [0.05, 0.42] }),
            paint.band(sash, { v: [0.5, 0.55, 0.55], width: [0.02, 0.34], u: [0.84, 1], soft: 0.03 }),
          ]
        : [paint.spots(fore, rays, { v: 0.74, length: 0.24, width: 0.42, soft: 0.03, alpha: 0.9 })]),
      paint.veins(black, 0.007),
      paint.border(fore, black, { costa: 0.045, apex: 0.06, tornus: 0.05, bite: 0.2, soft: 0.02 }),
    ]),
    hind: painted(draw, hind, { rim: black, width: 0.014, relief: 0.08 }, [
      paint.ground(gold, mix(gold, hex(0xd98a10), 0.25)),
      paint.veins(black, 0.006, { flare: 1 }),
      paint.border(hind, black, { costa: 0.02, apex: rim, tornus: rim * 1.1, bite: 0.9, inner: 0.06 }),
      ...(spotted
        ? [paint.spots(hind, black, { v: 0.76, length: 0.05, width: [0, 0.5, 0.6, 0.6, 0.6, 0.55, 0.4] })]
        : []),
      paint.base(black, 0.3, 0.8),
    ]),
    body: bodyOf(draw, black, gold, draw.pick([0.3, 0.8]), 0.44),
  };
}

/** White and translucent with black cell bars and red-eyed hindwings: Parnassius. */
export function apollo(draw: Draw): Specimen {
  const white = vary(draw, draw.pick([hex(0xf1efe8), hex(0xf4eed8), hex(0xe9e6e0)]), 10, 0.015);
  const grey = vary(draw, hex(0x8f8b86), 10);
  const black = vary(draw, hex(0x25211f), 20, 0.02);
  const red = vary(draw, draw.pick([hex(0xd0302a), hex(0xe36a2c), hex(0xe8a13a)]));
  const fore = forewing(draw, { raise: 38, breadth: 0.72, point: 0.1, hollow: -0.02, scallop: 0 });
  const hind = hindwing(draw, { length: 0.66, drawn: 0.1, scallop: 0.004 });
  const size = draw.range(0.055, 0.085);
  const eye = [
    { color: black, radius: 1 },
    { color: red, radius: 0.74 },
    { color: hex(0xf8efe6), radius: draw.range(0.15, 0.35) },
  ];
  const bar = draw.range(0.035, 0.05);
  const finish = { rim: grey, width: 0.01, relief: 0.05 };
  return {
    family: "apollo",
    fore: painted(draw, fore, finish, [
      paint.ground(white),
      paint.border(fore, mix(white, grey, 0.75), {
        costa: 0.012,
        apex: 0.12,
        tornus: 0.05,
        soft: 0.04,
        bite: 0.1,
      }),
      paint.band(mix(white, grey, 0.8), {
        v: [0.74, 0.79, 0.8],
        width: [0.03, 0.015],
        u: [0.1, 0.75],
        soft: 0.03,
      }),
      paint.veins(mix(grey, black, 0.3), 0.0035),
      paint.bar(black, 0.29, bar),
      paint.bar(black, 0.49, bar * 0.9),
      paint.eyespot(fore, 0.3, 0.66, 0.042, [{ color: black, radius: 1 }], { stretch: 1.5 }),
      paint.eyespot(fore, 0.9, 0.6, draw.range(0.025, 0.045), [{ color: black, radius: 1 }]),
      paint.base(grey, 0.2, 0.7),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(white),
      paint.border(hind, mix(white, grey, 0.5), { costa: 0.01, apex: 0.03, tornus: 0.05, soft: 0.05 }),
      paint.spots(hind, mix(white, grey, 0.8), {
        v: 0.87,
        length: 0.03,
        width: [0, 0.6, 0.7, 0.7, 0.7, 0.7, 0],
        bend: -0.5,
        soft: 0.03,
      }),
      paint.veins(mix(grey, black, 0.3), 0.0035),
      paint.glow(hind, mix(grey, black, 0.5), { u: 0.95, v: 0.45, length: 0.34, width: 0.08, alpha: 0.85 }),
      paint.eyespot(hind, 0.4, 0.56, size, eye),
      paint.eyespot(hind, 0.68, 0.66, size * draw.range(0.85, 1.1), eye),
    ]),
    body: bodyOf(draw, mix(black, grey, 0.2), white, 0.25, 0.36),
  };
}

/** Velvet black, a green or cream patch in front and a red one behind: Parides. */
export function cattleheart(draw: Draw): Specimen {
  const black = vary(draw, draw.pick([hex(0x15100e), hex(0x241510)]), 10, 0.015);
  const front = vary(draw, draw.pick([hex(0x7fd0a4), hex(0xa5dfc6), hex(0xf1ead2), hex(0x58b7c9)]), 8);
  const back = vary(draw, draw.pick([hex(0xe0313c), hex(0xf06a3a), hex(0xe9558c)]));
  const fore = forewing(draw, { raise: 38, breadth: 0.62, point: 0.3 });
  const hind = hindwing(draw, { length: 0.6, drawn: 0.35, scallop: 0.06 });
  const size = draw.range(0.1, 0.17);
  const finish = { rim: black, width: 0.012, relief: 0.12 };
  return {
    family: "cattleheart",
    fore: painted(draw, fore, finish, [
      paint.ground(black),
      paint.spots(fore, front, {
        v: [0, 0, 0, 0, 0.66, 0.56, 0.5, 0.45],
        length: [0.1, 0.1, 0.1, 0.1, 0.07, size, size * 1.15, size],
        width: [0, 0, 0, 0, 0.6, 0.8, 0.86, 0.8],
        power: 4,
        soft: 0.02,
      }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(black),
      paint.spots(hind, back, {
        v: [0, 0, 0.6, 0.6, 0.6, 0.57, 0.52],
        length: [0.1, 0.1, size * 0.8, size * 1.1, size * 1.2, size * 1.1, size],
        width: [0, 0, 0.75, 0.86, 0.88, 0.86, 0.7],
        power: 4,
        soft: 0.02,
      }),
      paint.spots(hind, mix(back, hex(0xffffff), 0.55), { v: 0.95, length: 0.018, width: 0.4 }),
    ]),
    body: bodyOf(draw, black, back, draw.pick([0, 0.6]), 0.4),
  };
}
