// Kinds of pictures that are not read, by their first bytes, so that they are named instead of called damaged.

/** Beginnings, with "?" for any byte. Many raw files begin like any TIFF: only those with a mark of their own are known. */
const BEGINNINGS: Readonly<Record<string, readonly string[]>> = {
  "JPEG XL": ["\xff\x0a", "\0\0\0\x0cJXL \r\n\x87\n"],
  "JPEG 2000": ["\xff\x4f\xff\x51", "\0\0\0\x0cjP  \r\n\x87\n"],
  "a Photoshop file (PSD)": ["8BPS\0\x01", "8BPS\0\x02"],
  "an icon (ICO)": ["\0\0\x01\0?\0???\0"],
  "a raw file of a camera": ["II*\0????CR", "FUJIFILMCCD-RAW", "IIRO", "IIRS", "IIU\0", "????ftypcrx "],
  OpenEXR: ["\x76\x2f\x31\x01"],
  "Radiance HDR": ["#?RADIANCE", "#?RGBE"],
  QOI: ["qoif"],
  DDS: ["DDS \x7c\0"],
  "a PDF file": ["%PDF-"],
  "a film": [
    "????ftypiso",
    "????ftypmp4",
    "????ftypqt  ",
    "????ftypM4V ",
    "\x1a\x45\xdf\xa3",
    "RIFF????AVI ",
  ],
};

const PATTERNS: readonly (readonly [name: string, pattern: RegExp])[] = [
  // Brands are groups of four letters. AVIF has the same boxes; its own brand is among the first.
  ["HEIC", /^[\s\S]{4}ftyp(?!(?:[\s\S]{4}){0,7}avi[fs])(?:hei[cfmsx]|hev[cmsx]|mif1|msf1)/],
  [
    "SVG",
    /^(?:\xef\xbb\xbf|\ufeff)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i,
  ],
  ["PNM", /^P[1-7]\s+[#\d]/],
];

/**
 * The name of a kind that is not read.
 * @param head the first bytes of a file, one character for each
 */
export function unreadImage(head: string): string | undefined {
  for (const [name, beginnings] of Object.entries(BEGINNINGS)) {
    if (beginnings.some((beginning) => begins(head, beginning))) return name;
  }
  return PATTERNS.find(([, pattern]) => pattern.test(head))?.[0];
}

const begins = (head: string, beginning: string): boolean =>
  head.length >= beginning.length &&
  [...beginning].every((character, i) => character === "?" || character === head[i]);
