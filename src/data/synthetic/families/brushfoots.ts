// Brush-footed butterflies: monarchs, morphos, peacocks, admirals, longwings, owls.
import { hex, mix, vary } from "../color.ts";
import * as paint from "../layers.ts";
import type { Draw } from "../random.ts";
import { forewing, hindwing } from "../shapes.ts";
import type { Specimen } from "../specimen.ts";
import { bodyOf, painted } from "./dress.ts";

/** Orange with black veins and a white-dotted black margin: Danaus. */
export function monarch(draw: Draw): Specimen {
  const orange = vary(draw, draw.pick([hex(0xe7772a), hex(0xd9601f), hex(0xf0983a), hex(0xc8551f)]), 5);
  const black = vary(draw, hex(0x1a120e), 20, 0.015);
  const white = hex(0xf8f3ea);
  const fore = forewing(draw, { raise: 40, breadth: 0.62, point: 0.4, hollow: 0.025 });
  const hind = hindwing(draw, { length: 0.64, drawn: 0.15, scallop: 0.02 });
  const rim = draw.range(0.075, 0.105);
  const vein = draw.range(0.007, 0.011);
  const near = draw.range(0.6, 0.7);
  const finish = { rim: black, width: 0.014, relief: 0.08 };
  return {
    family: "monarch",
    fore: painted(draw, fore, finish, [
      paint.ground(orange, mix(orange, hex(0xf6b050), 0.2)),
      paint.veins(black, vein),
      paint.apical(fore, black, near, 0.5),
      paint.border(fore, black, { costa: 0.035, apex: rim * 1.2, tornus: rim, bite: 0.3, inner: 0.03 }),
      paint.spots(fore, mix(orange, white, 0.75), {
        v: [0.72, 0.8, 0.8, 0.78, 0, 0, 0, 0],
        length: 0.04,
        width: [0.35, 0.6, 0.6, 0.5, 0, 0, 0, 0],
      }),
      paint.spots(fore, white, {
        v: 0.945,
        length: 0.018,
        width: [0, 0.42, 0.42, 0.42, 0.42, 0.42, 0.42, 0.3],
      }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(orange),
      paint.veins(black, vein),
      paint.border(hind, black, { costa: 0.02, apex: rim, tornus: rim, bite: 0.3 }),
      paint.spots(hind, white, { v: 0.93, length: 0.02, width: 0.4 }),
    ]),
    body: bodyOf(draw, black, white, 0.15, 0.4),
  };
}

/** Broad metal-blue wings, dark at the edge: Morpho. */
export function morpho(draw: Draw): Specimen {
  const blue = vary(draw, draw.pick([hex(0x1f6fe0), hex(0x2f8df0), hex(0x3a5fe6), hex(0x46a7ea)]), 10);
  const light = mix(blue, hex(0xbfeaff), draw.range(0.35, 0.6));
  const dark = vary(draw, hex(0x10131c), 20, 0.015);
  const white = hex(0xf3f6fa);
  const fore = forewing(draw, { raise: 39, breadth: 0.74, point: 0.5, hollow: 0.035 });
  const hind = hindwing(draw, { length: 0.7, drawn: 0.2, scallop: 0.025 });
  const rim = draw.range(0.05, 0.16);
  const banded = draw.chance(0.3);
  const finish = { rim: dark, width: 0.014, relief: 0.12 };
  return {
    family: "morpho",
    fore: painted(draw, fore, finish, [
      ...(banded
        ? [
            paint.ground(mix(dark, blue, 0.25)),
            paint.band(light, { v: [0.66, 0.58, 0.5], width: [0.06, 0.2], soft: 0.04 }),
          ]
        : [paint.ground(mix(blue, dark, 0.25), light, 0.1, 0.9)]),
      paint.glow(fore, light, { u: 0.75, v: 0.55, length: 0.3, width: 0.2, alpha: 0.5 }),
      paint.veins(mix(blue, dark, 0.7), 0.003),
      paint.border(fore, dark, { costa: 0.035, apex: rim * 1.7, tornus: rim, bite: 0.15, soft: 0.03 }),
      paint.spots(fore, white, { v: 0.94, length: 0.014, width: [0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0] }),
      paint.base(dark, 0.2, 0.6),
    ]),
    hind: painted(draw, hind, finish, [
      ...(banded
        ? [
            paint.ground(mix(dark, blue, 0.25)),
            paint.band(light, { v: [0.55, 0.5, 0.45], width: [0.24, 0.18], soft: 0.04 }),
          ]
        : [paint.ground(mix(blue, dark, 0.1), light, 0.1, 0.9)]),
      paint.veins(mix(blue, dark, 0.7), 0.003),
      paint.border(hind, dark, {
        costa: 0.02,
        apex: rim * 1.1,
        tornus: rim * 1.1,
        bite: 0.15,
        soft: 0.03,
        inner: 0.06,
      }),
      paint.spots(hind, white, { v: 0.945, length: 0.014, width: 0.35 }),
      paint.base(dark, 0.25, 0.6),
    ]),
    body: bodyOf(draw, dark, blue, 0.1, 0.36),
  };
}

/** Russet, brown or olive with great eyespots: Aglais io, Junonia. */
export function peacock(draw: Draw): Specimen {
  const ground = vary(
    draw,
    draw.pick([hex(0xa63a22), hex(0x8a5a34), hex(0xc98a4a), hex(0x6b6f7a), hex(0xb5502c)]),
    6,
  );
  const dark = vary(draw, hex(0x2a1a14), 10, 0.02);
  const pale = vary(draw, draw.pick([hex(0xf4e3b0), hex(0xf2c56a), hex(0xf6efe0)]));
  const blue = vary(draw, draw.pick([hex(0x4a78d8), hex(0x7a5fd0), hex(0x3ea0c8)]), 10);
  const fore = forewing(draw, { raise: 36, breadth: 0.76, point: 0.4, hollow: 0.045, scallop: 0.02 });
  const hind = hindwing(draw, { length: 0.67, drawn: 0.25, scallop: 0.045 });
  const rings = [
    { color: pale, radius: 1 },
    { color: dark, radius: 0.8 },
    { color: blue, radius: 0.5 },
    { color: hex(0xf4f2fa), radius: 0.18 },
  ];
  const size = draw.range(0.1, 0.135);
  const finish = { rim: dark, width: 0.016, relief: 0.1 };
  return {
    family: "peacock",
    fore: painted(draw, fore, finish, [
      paint.ground(ground, mix(ground, dark, 0.15)),
      paint.bar(dark, 0.28, 0.04),
      paint.bar(dark, 0.48, 0.035),
      paint.band(pale, { v: [0.6, 0.66, 0.8], width: [0.045, 0.03], u: [0.04, 0.5], soft: 0.02 }),
      paint.border(fore, dark, { costa: 0.03, apex: 0.06, tornus: 0.05, soft: 0.03, bite: 0.3 }),
      paint.eyespot(fore, 0.3, 0.8, size * 0.85, rings, { shift: 0.15 }),
      paint.eyespot(fore, 0.8, 0.74, size * draw.range(0.4, 0.8), rings, { shift: 0.15 }),
      paint.base(dark, 0.25, 0.6),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(mix(ground, dark, 0.15), ground),
      paint.border(hind, mix(dark, ground, 0.3), {
        costa: 0.02,
        apex: 0.06,
        tornus: 0.07,
        soft: 0.04,
        bite: 0.2,
      }),
      paint.spots(hind, pale, { v: 0.91, length: 0.012, width: 0.7, bend: -0.8 }),
      paint.eyespot(hind, 0.4, 0.64, size * 1.15, rings, { shift: 0.15 }),
      paint.eyespot(hind, 0.76, 0.68, size * draw.range(0.4, 0.75), rings, { shift: 0.15 }),
      paint.base(dark, 0.35, 0.6),
    ]),
    body: bodyOf(draw, dark, ground, 0.25, 0.38),
  };
}

/** Black apex with white spots, bright bands: Vanessa, Limenitis, Adelpha. */
export function admiral(draw: Draw): Specimen {
  const dark = vary(draw, draw.pick([hex(0x1c1512), hex(0x33201a), hex(0x171b24)]), 10, 0.015);
  const bright = vary(draw, draw.pick([hex(0xe2502a), hex(0xf5efe2), hex(0xf08c2c), hex(0x6fb7e8)]), 6);
  const white = hex(0xf7f3ec);
  const fore = forewing(draw, { raise: 38, breadth: 0.72, point: 0.35, hollow: 0.03, scallop: 0.014 });
  const hind = hindwing(draw, { length: 0.66, drawn: 0.15, scallop: 0.035 });
  const wide = draw.range(0.07, 0.11);
  const marginal = draw.chance(0.5);
  const gap = draw.pick([0, 0.004]);
  const finish = { rim: dark, width: 0.014, relief: 0.1 };
  return {
    family: "admiral",
    fore: painted(draw, fore, finish, [
      paint.ground(mix(dark, hex(0x6a4a30), 0.3), dark),
      paint.band(bright, {
        v: [0.44, 0.66, 0.84],
        width: [wide * 1.05, wide * 0.9],
        u: [0.05, 1],
        bulge: 0.03,
        gap,
      }),
      paint.spots(fore, white, {
        v: [0.76, 0.82, 0.84, 0.84, 0, 0, 0, 0],
        length: [0.05, 0.045, 0.035, 0.025, 0.1, 0.1, 0.1, 0.1],
        width: [0.4, 0.7, 0.7, 0.55, 0, 0, 0, 0],
      }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(mix(dark, hex(0x6a4a30), 0.3), dark),
      ...(marginal
        ? [
            paint.band(bright, {
              v: [0.86, 0.87, 0.86],
              width: [wide * 0.75, wide * 0.75],
              u: [0.3, 0.97],
            }),
            paint.spots(hind, dark, {
              v: 0.86,
              length: 0.03,
              width: [0, 0.2, 0.25, 0.25, 0.25, 0.25, 0.2],
            }),
          ]
        : [
            paint.band(bright, {
              v: [0.58, 0.52, 0.66],
              width: [wide * 1.2, wide * 0.6],
              u: [0.1, 0.95],
              bulge: 0.03,
              gap,
            }),
          ]),
    ]),
    body: bodyOf(draw, dark, bright, 0.1, 0.38),
  };
}

/** Long narrow black forewings with red and yellow bars: Heliconius. */
export function longwing(draw: Draw): Specimen {
  const black = vary(draw, hex(0x14100f), 20, 0.015);
  const red = vary(draw, draw.pick([hex(0xdd2f24), hex(0xf0642a), hex(0xe0407a)]));
  const cream = vary(draw, draw.pick([hex(0xf6e38a), hex(0xf7f0cf), hex(0xf2cf3c)]));
  const [front, back] = draw.pick<[typeof red, typeof red]>([
    [red, cream],
    [cream, red],
    [cream, cream],
    [red, red],
  ]);
  const fore = forewing(draw, { raise: 34, breadth: 0.52, point: 0.1, hollow: -0.01 });
  const hind = hindwing(draw, { length: 0.56, drawn: 0.05, scallop: 0.015 });
  const rays = draw.chance(0.45);
  const wide = draw.range(0.07, 0.11);
  const finish = { rim: black, width: 0.012, relief: 0.12 };
  return {
    family: "longwing",
    fore: painted(draw, fore, finish, [
      paint.ground(black),
      paint.band(front, {
        v: [0.6, 0.72, 0.84],
        width: [wide, wide * 0.8],
        u: [0.06, 0.62],
        bulge: 0.02,
        soft: 0.02,
      }),
      ...(rays
        ? [paint.band(back, { v: [0.28, 0.3, 0.34], width: [0.2, 0.2], u: [0.62, 0.95], gap: 0.008 })]
        : []),
      paint.veins(black, 0.005),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(black),
      ...(rays
        ? [
            paint.spots(hind, back, {
              v: 0.58,
              length: 0.28,
              width: [0, 0.45, 0.45, 0.45, 0.45, 0.45, 0.4],
              power: 2,
            }),
          ]
        : [paint.stripe(back, { at: 0.19, angle: 74, width: [wide * 0.5, wide * 0.4], u: [0.3, 1] })]),
      paint.spots(hind, cream, { v: 0.93, length: 0.018, width: draw.pick([0, 0.4]) }),
    ]),
    body: bodyOf(draw, black, cream, 0.3, 0.38),
  };
}

/** Orange chequered with black: fritillaries and checkerspots (Argynnis, Melitaea). */
export function fritillary(draw: Draw): Specimen {
  const orange = vary(draw, draw.pick([hex(0xe08a38), hex(0xd8702a), hex(0xeab05a)]), 6);
  const dark = vary(draw, hex(0x2c1c12), 10, 0.02);
  const fore = forewing(draw, { raise: 38, breadth: 0.72, point: 0.3, hollow: 0.01 });
  const hind = hindwing(draw, { length: 0.65, drawn: 0.05, scallop: 0.015 });
  const dots = draw.range(0.38, 0.55);
  const rim = draw.range(0.035, 0.06);
  const finish = { rim: dark, width: 0.014, relief: 0.08 };
  return {
    family: "fritillary",
    fore: painted(draw, fore, finish, [
      paint.ground(mix(orange, dark, 0.1), orange),
      paint.veins(dark, 0.003, { flare: 1 }),
      paint.bar(dark, 0.2, 0.018),
      paint.bar(dark, 0.31, 0.02),
      paint.bar(dark, 0.43, 0.022),
      paint.band(dark, {
        v: [0.62, 0.6, 0.5],
        width: [0.02, 0.022],
        u: [0.08, 1],
        bulge: 0.06,
        gap: 0.002,
      }),
      paint.spots(fore, dark, { v: 0.75, length: 0.03, width: dots }),
      paint.spots(fore, dark, { v: 0.88, length: 0.028, width: dots * 1.2, bend: -0.4 }),
      paint.border(fore, dark, { costa: 0.015, apex: rim, tornus: rim, bite: 0.4 }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(mix(orange, dark, 0.2), orange),
      paint.veins(dark, 0.003, { flare: 1 }),
      paint.band(dark, { v: [0.5, 0.5, 0.48], width: [0.022, 0.02], u: [0.15, 1], bulge: 0.05 }),
      paint.spots(hind, dark, { v: 0.7, length: 0.032, width: dots * 0.8 }),
      paint.spots(hind, dark, { v: 0.86, length: 0.026, width: dots * 1.1, bend: -0.5 }),
      paint.border(hind, dark, { costa: 0.01, apex: rim, tornus: rim, bite: 0.4 }),
      paint.base(dark, 0.35, 0.6),
    ]),
    body: bodyOf(draw, dark, orange, 0.3, 0.4),
  };
}
