// The string order of Python and Rust: by code point. JavaScript compares UTF-16 units, which differs between
// characters beyond U+FFFF and those of U+E000 to U+FFFF.

/** For `Array.prototype.sort`: negative if `a` comes first, positive if `b` does, 0 if they are equal. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return unitRank(a.charCodeAt(i)) - unitRank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Ranks the surrogates (halves of the characters beyond U+FFFF) after every other UTF-16 unit. */
function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
