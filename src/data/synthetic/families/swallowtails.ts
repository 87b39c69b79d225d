// Swallowtails: tigers, zebra kites, bluebottles, jays, black mormons, emeralds.
import { hex, mix, vary } from "../color.ts";
import * as paint from "../layers.ts";
import type { Draw } from "../random.ts";
import { forewing, hindwing } from "../shapes.ts";
import type { Specimen } from "../specimen.ts";
import { bodyOf, painted } from "./dress.ts";

/** Yellow with black tiger stripes, blue dust and a red eye at the tail: Papilio glaucus, machaon. */
export function tiger(draw: Draw): Specimen {
  const yellow = vary(draw, draw.pick([hex(0xf2cf4a), hex(0xf6dc7e), hex(0xf3e6b4), hex(0xeebb3a)]));
  const black = vary(draw, hex(0x1d1712), 20, 0.02);
  const blue = vary(draw, hex(0x4f7fc4), 12);
  const red = vary(draw, hex(0xd9532b));
  const fore = forewing(draw, { raise: 41, breadth: 0.7, point: 0.4 });
  const hind = hindwing(draw, { length: 0.68, drawn: 0.5, tail: { length: 0.25 } });
  const lean = draw.range(4, 14);
  const bold = draw.range(0.8, 1.25);
  const stripes = [0.19, 0.4, 0.58, 0.74].map((at, i) =>
    paint.stripe(black, {
      at: at + draw.range(-0.015, 0.015),
      angle: -lean - 16 * at - 8,
      width: [0.032 * bold, [0.03, 0.016, 0.004, -0.02][i] * bold],
      u: [0, [1, 0.72, 0.6, 0.45][i]],
    }),
  );
  const edge = draw.range(0.1, 0.15);
  const finish = { rim: black, width: 0.014, relief: 0.1 };
  return {
    family: "tiger",
    fore: painted(draw, fore, finish, [
      paint.ground(yellow, mix(yellow, hex(0xffffff), 0.1)),
      paint.veins(black, 0.0045, { flare: 1 }),
      ...stripes,
      paint.border(fore, black, { costa: 0.03, apex: edge * 1.1, tornus: edge, bite: 0.2 }),
      paint.spots(fore, yellow, {
        v: 0.94,
        length: 0.018,
        width: [0, 0.5, 0.6, 0.65, 0.65, 0.65, 0.7, 0.6],
      }),
      paint.base(black, 0.16, 0.8),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(yellow),
      paint.veins(black, 0.0045, { flare: 1.5 }),
      paint.stripe(black, { at: 0.13, angle: 0, width: [0.03, 0.028], u: [0.5, 1] }),
      paint.border(hind, black, {
        costa: 0.01,
        apex: edge * 1.25,
        tornus: edge * 1.7,
        bite: 0.25,
        inner: 0.03,
      }),
      paint.spots(hind, blue, {
        v: 0.84,
        length: 0.03,
        width: [0, 0.2, 0.4, 0.55, 0.65, 0.7, 0.6],
        soft: 0.04,
      }),
      paint.spots(hind, yellow, { v: 0.935, length: 0.028, width: 0.6, bend: -0.4 }),
      paint.eyespot(hind, 0.9, 0.84, 0.07, [
        { color: red, radius: 1 },
        { color: black, radius: 0.35 },
      ]),
    ]),
    body: bodyOf(draw, black, yellow, 0.5, 0.46),
  };
}

/** White or pale green with dark zebra stripes and long tails: Protographium, Iphiclides. */
export function kite(draw: Draw): Specimen {
  const pale = vary(draw, draw.pick([hex(0xf1efe2), hex(0xe8efd8), hex(0xf4ecc8), hex(0xdcefe6)]));
  const dark = vary(draw, draw.pick([hex(0x2a1f1a), hex(0x4a3222), hex(0x1c1c20)]), 10);
  const red = vary(draw, draw.pick([hex(0xc8352c), hex(0xe07b2a)]));
  const fore = forewing(draw, { raise: 46, breadth: 0.6, point: 0.7, hollow: 0.03 });
  const hind = hindwing(draw, {
    length: 0.63,
    drawn: 0.95,
    scallop: 0.03,
    tail: { length: 0.36, stem: 0.014, club: 0.022, at: 66 },
  });
  const lean = draw.range(14, 24);
  const stripes = [0.12, 0.27, 0.42, 0.56, 0.69].map((at, i) =>
    paint.stripe(dark, {
      at: at * draw.range(0.97, 1.03),
      angle: -lean,
      width: [0.025, [0.022, 0.014, 0.012, 0.006, 0.004][i]],
      u: [0, [1, 0.98, 0.62, 0.66, 0.42][i]],
    }),
  );
  const finish = { rim: dark, width: 0.014, relief: 0.08 };
  return {
    family: "kite",
    fore: painted(draw, fore, finish, [
      paint.ground(pale),
      paint.veins(dark, 0.003, { flare: 1 }),
      ...stripes,
      paint.border(fore, dark, { costa: 0.02, apex: 0.17, tornus: 0.08, bite: 0.1 }),
      paint.band(pale, { v: [0.89, 0.905, 0.92], width: [0.02, 0.012], u: [fore.apex, 1], gap: 0.004 }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(pale),
      paint.veins(dark, 0.003, { flare: 1 }),
      paint.stripe(dark, { at: 0.07, angle: 4, width: [0.016, 0.014], u: [0.3, 1] }),
      paint.stripe(dark, { at: 0.2, angle: 14, width: [0.018, 0.012], u: [0, 0.95] }),
      paint.border(hind, dark, { costa: 0.01, apex: 0.07, tornus: 0.2, bite: 0.2, inner: 0.02 }),
      paint.spots(hind, pale, {
        v: 0.93,
        length: 0.022,
        width: [0, 0.6, 0.7, 0.7, 0.7, 0.6, 0.5],
        bend: -0.4,
      }),
      paint.eyespot(hind, 0.9, 0.8, 0.055, [{ color: red, radius: 1 }], { stretch: 1.5 }),
    ]),
    body: bodyOf(draw, dark, pale, 0.4, 0.42),
  };
}

/** Black with a turquoise or green window band through both wings: Graphium sarpedon, Papilio palinurus. */
export function bluebottle(draw: Draw): Specimen {
  const light = vary(
    draw,
    draw.pick([hex(0x57d3d8), hex(0x6fe0b4), hex(0x8fd7f0), hex(0x3fbf9a), hex(0xb9e6c9)]),
    10,
  );
  const dark = vary(draw, draw.pick([hex(0x17130f), hex(0x2b1b12), hex(0x0f1a1a)]), 10);
  const fore = forewing(draw, { raise: 46, breadth: 0.58, point: 0.6, hollow: 0.04 });
  const hind = hindwing(draw, {
    length: 0.64,
    drawn: 0.7,
    scallop: 0.045,
    ...(draw.chance(0.35) ? { tail: { length: 0.12, stem: 0.02, club: 0.024 } } : {}),
  });
  const wide = draw.range(0.075, 0.11);
  const gap = draw.range(0.005, 0.012);
  const finish = { rim: dark, width: 0.012, relief: 0.12 };
  return {
    family: "bluebottle",
    fore: painted(draw, fore, finish, [
      paint.ground(mix(dark, hex(0x3a2a1c), 0.25), dark),
      paint.band(light, {
        v: [0.9, 0.62, 0.46],
        width: [wide * 0.35, wide * 1.9],
        u: [fore.apex * 0.55, 1],
        gap,
        bulge: 0.02,
      }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(mix(dark, hex(0x3a2a1c), 0.25), dark),
      paint.band(mix(light, hex(0xffffff), 0.15), {
        v: [0.5, 0.4, 0.46],
        width: [wide * 2.6, wide * 1.0],
        u: [0, 0.9],
        gap,
        bulge: 0.03,
      }),
      paint.spots(hind, light, {
        v: 0.84,
        length: 0.035,
        width: [0, 0.5, 0.55, 0.55, 0.55, 0.5, 0.3],
        bend: -0.5,
      }),
    ]),
    body: bodyOf(draw, dark, light, 0.2, 0.38),
  };
}

/** Dark with rows of pale or lime spots all over: Graphium agamemnon, Papilio demoleus. */
export function jay(draw: Draw): Specimen {
  const light = vary(draw, draw.pick([hex(0xcfe07a), hex(0xf3ecc4), hex(0xf4d65c), hex(0xa9dcb0)]), 8);
  const dark = vary(draw, draw.pick([hex(0x1c1510), hex(0x35200f), hex(0x141414)]), 10);
  const red = vary(draw, hex(0xcf4326));
  const fore = forewing(draw, { raise: 42, breadth: 0.64, point: 0.45, hollow: 0.015 });
  const hind = hindwing(draw, { length: 0.66, drawn: 0.55, scallop: 0.05 });
  const fat = draw.range(0.85, 1.15);
  const rows = 0.72 * fat;
  const finish = { rim: dark, width: 0.012, relief: 0.12 };
  return {
    family: "jay",
    fore: painted(draw, fore, finish, [
      paint.ground(dark),
      paint.spots(fore, light, {
        v: [0.8, 0.8, 0.78, 0.74, 0.68, 0.62, 0.58, 0.56],
        length: [0.04, 0.045, 0.05, 0.06, 0.075, 0.1, 0.13, 0.14],
        width: rows,
        power: 4,
      }),
      paint.spots(fore, light, {
        v: 0.915,
        length: 0.022,
        width: [0, 0.5, 0.55, 0.55, 0.5, 0.5, 0.5, 0.5],
      }),
      paint.bar(dark, 0.3, 0.5),
      paint.bar(light, 0.18, 0.035 * fat),
      paint.bar(light, 0.33, 0.04 * fat),
      paint.bar(light, 0.47, 0.032 * fat),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(dark),
      paint.band(light, { v: [0.42, 0.36, 0.4], width: [0.2 * fat, 0.14 * fat], u: [0, 0.86], gap: 0.012 }),
      paint.spots(hind, light, {
        v: [0.72, 0.72, 0.74, 0.74, 0.74, 0.72, 0.7],
        length: 0.045,
        width: rows * 0.8,
      }),
      paint.spots(hind, light, { v: 0.92, length: 0.024, width: 0.55, bend: -0.4 }),
      paint.eyespot(hind, 0.9, 0.78, 0.055, [{ color: red, radius: 1 }]),
    ]),
    body: bodyOf(draw, dark, light, 0.35, 0.44),
  };
}

/** Black with a white or red hindwing patch and red crescents: Papilio polytes, memnon, Pachliopta. */
export function mormon(draw: Draw): Specimen {
  const dark = vary(draw, draw.pick([hex(0x17120f), hex(0x2c1a11), hex(0x12151a)]), 10);
  const light = vary(draw, draw.pick([hex(0xf3eee0), hex(0xf2e3b8), hex(0xf6f3ee)]));
  const red = vary(draw, draw.pick([hex(0xd3352f), hex(0xe0574a), hex(0xd9447a), hex(0xe8702c)]));
  const patch = draw.pick([light, light, red, red]);
  const streak = mix(dark, hex(0x9a8874), draw.range(0.25, 0.55));
  const fore = forewing(draw, { raise: 40, breadth: 0.64, point: 0.35 });
  const hind = hindwing(draw, {
    length: 0.69,
    drawn: 0.45,
    scallop: 0.055,
    ...(draw.chance(0.4) ? { tail: { length: 0.2, club: 0.045 } } : {}),
  });
  const deep = draw.range(0.45, 0.55);
  const size = draw.range(0.12, 0.2);
  const finish = { rim: dark, width: 0.012, relief: 0.12 };
  return {
    family: "mormon",
    fore: painted(draw, fore, finish, [
      paint.ground(dark),
      paint.spots(fore, streak, { v: 0.78, length: 0.22, width: 0.5, soft: 0.05, alpha: 0.8 }),
      paint.veins(dark, 0.006),
      paint.border(fore, dark, { apex: 0.06, tornus: 0.06, bite: 0.2, soft: 0.04 }),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(dark),
      paint.spots(hind, patch, {
        v: [0.5, 0.56, deep + 0.06, deep + 0.1, deep + 0.1, deep + 0.06, 0.5],
        length: [0, size * 0.75, size, size * 1.1, size, size * 0.8, size * 0.6],
        width: [0, draw.chance(0.5) ? 0.75 : 0, 0.85, 0.85, 0.85, 0.8, 0.6],
        power: 4,
        soft: 0.02,
      }),
      paint.spots(hind, red, {
        v: 0.87,
        length: 0.035,
        width: [0, 0.5, 0.6, 0.65, 0.65, 0.65, 0.6],
        bend: -0.6,
      }),
    ]),
    body: bodyOf(draw, dark, red, draw.pick([0, 0.5]), 0.44),
  };
}

/** Black dusted with metal green or blue from the root: Papilio ulysses, paris, maackii. */
export function emerald(draw: Draw): Specimen {
  const shine = vary(draw, draw.pick([hex(0x1f7fe0), hex(0x2aa6a0), hex(0x3ca64a), hex(0x3b5fd0)]), 10);
  const dark = vary(draw, hex(0x0f1113), 20);
  const red = vary(draw, hex(0xb93a5a));
  const fore = forewing(draw, { raise: 40, breadth: 0.68, point: 0.35, hollow: 0.02 });
  const hind = hindwing(draw, {
    length: 0.69,
    drawn: 0.5,
    scallop: 0.06,
    tail: { length: 0.2, stem: 0.024, club: 0.05 },
  });
  const far = draw.range(0.55, 0.75);
  const glint = mix(shine, hex(0xd8fff4), 0.35);
  const finish = { rim: dark, width: 0.012, relief: 0.14 };
  return {
    family: "emerald",
    fore: painted(draw, fore, finish, [
      paint.ground(shine, dark, far - 0.3, far + 0.25),
      paint.glow(fore, glint, { u: 0.55, v: 0.35, length: 0.3, width: 0.16, alpha: 0.5 }),
      paint.veins(dark, 0.006, { flare: 2 }),
      paint.border(fore, dark, { costa: 0.04, apex: 0.22, tornus: 0.12, bite: 0.3, soft: 0.06 }),
      paint.base(dark, 0.18, 0.8),
    ]),
    hind: painted(draw, hind, finish, [
      paint.ground(shine, dark, far - 0.1, far + 0.25),
      paint.glow(hind, glint, { u: 0.25, v: 0.5, length: 0.22, width: 0.2, alpha: 0.7 }),
      paint.veins(dark, 0.005, { flare: 2 }),
      paint.border(hind, dark, {
        costa: 0.03,
        apex: 0.12,
        tornus: 0.16,
        bite: 0.4,
        inner: 0.08,
        soft: 0.04,
      }),
      paint.spots(hind, draw.chance(0.5) ? red : shine, {
        v: 0.88,
        length: 0.03,
        width: [0, 0.5, 0.55, 0.6, 0.6, 0.6, 0.5],
        bend: -0.7,
      }),
    ]),
    body: bodyOf(draw, dark, shine, 0.15, 0.42),
  };
}
