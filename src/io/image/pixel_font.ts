// Letters of 5 x 7 pixels, so that pictures are labelled alike in pages and on machines without fonts.

/** Width and height of a letter, pixels; a few letters reach one pixel below the line. */
const LETTER_WIDTH = 5;
export const LETTER_HEIGHT = 7;
/** Pixels from one letter to the next. */
const ADVANCE = LETTER_WIDTH + 1;

/** The printable characters of ASCII: five columns each, in hexadecimal; the lowest bit is the top pixel. */
const COLUMNS = [
  "0000000000 00005F0000 0007000700 147F147F14 242A7F2A12 2313086462 3649552250 0000070000", //  !"#$%&'
  "001C224100 0041221C00 14083E0814 08083E0808 0050300000 0808080808 0060600000 2010080402", // ()*+,-./
  "3E5149453E 00427F4000 4261514946 2141454B31 1814127F10 2745454539 3C4A494930 0171090503", // 01234567
  "3649494936 064949291E 0036360000 0056360000 0814224100 1414141414 0041221408 0201510906", // 89:;<=>?
  "324979413E 7E1111117E 7F49494936 3E41414122 7F4141221C 7F49494941 7F09090901 3E4149497A", // @ABCDEFG
  "7F0808087F 00417F4100 2040413F01 7F08142241 7F40404040 7F020C027F 7F0408107F 3E4141413E", // HIJKLMNO
  "7F09090906 3E4151215E 7F09192946 4649494931 01017F0101 3F4040403F 1F2040201F 3F4038403F", // PQRSTUVW
  "6314081463 0708700807 6151494543 007F414100 0204081020 0041417F00 0402010204 4040404040", // XYZ[\]^_
  "0001020400 2054545478 7F48444438 3844444420 384444487F 3854545418 087E090102 18A4A4A47C", // `abcdefg
  "7F08040478 00447D4000 4080847D00 7F10284400 00417F4000 7C04180478 7C08040478 3844444438", // hijklmno
  "FC24242418 18242418FC 7C08040408 4854545420 043F444020 3C4040207C 1C2040201C 3C4030403C", // pqrstuvw
  "4428102844 1CA0A0A07C 4464544C44 0008364100 00007F0000 0041360800 1008081008", // xyz{|}~
]
  .join(" ")
  .split(" ");
const FIRST = 0x20;
/** Drawn in place of characters that have no letter. */
const UNKNOWN = "7F4141417F";

/** The letters of a text, without accents. */
const lettersOf = (text: string): string[] => [...text.normalize("NFD").replace(/\p{Mark}/gu, "")];

/** The width of a text, pixels. */
export const textWidth = (text: string): number => Math.max(0, lettersOf(text).length * ADVANCE - 1);

/** The pixels of a text, from the top left corner of its first letter. */
export function textPixels(text: string): [x: number, y: number][] {
  return lettersOf(text).flatMap((character, i) => {
    const columns = COLUMNS[(character.codePointAt(0) ?? 0) - FIRST] ?? UNKNOWN;
    return Array.from({ length: LETTER_WIDTH }, (_, x) => {
      const bits = Number.parseInt(columns.slice(2 * x, 2 * x + 2), 16);
      return Array.from({ length: 8 }, (_, y) => y)
        .filter((y) => (bits >> y) & 1)
        .map((y): [number, number] => [i * ADVANCE + x, y]);
    }).flat();
  });
}

/** The text, or its beginning with two dots, in at most so many pixels; "" where not even that fits. */
export function fittingText(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const letters = Math.floor((width + 1) / ADVANCE) - 2;
  return letters < 1 ? "" : `${lettersOf(text).slice(0, letters).join("")}..`;
}
