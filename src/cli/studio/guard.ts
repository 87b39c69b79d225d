// Who may ask the studio for something: its own page. Other sites must reach it neither by requests of their own (Origin,
// Sec-Fetch-Site) nor under a name of theirs that points here (Host, against rebinding).

import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Under which addresses a studio is reached, and by whom. */
export interface Access {
  /** Host and port as a browser sends them, "127.0.0.1:8080"; null for any, which needs a token. */
  readonly hosts: ReadonlySet<string> | null;
  /** What everyone must know; null for a studio of this machine alone. */
  readonly token: string | null;
}

export interface Asked {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** The name of the cookie with the token. */
export const TOKEN_COOKIE = "imago_studio";

/** Methods that change nothing. */
const READS = ["GET", "HEAD"];
/** What a browser says of a request that a user's own click or the page itself made. */
const OWN_SITES = ["same-origin", "none"];

/** Why a request is refused; undefined where it is not. */
export function refusal({ method, headers }: Asked, { hosts, token }: Access): string | undefined {
  const { host, origin } = headers;
  if (host === undefined || (hosts !== null && !hosts.has(host))) {
    return `this is not the studio of ${host ?? "an unnamed host"}`;
  }
  if (token !== null && !isToken(cookieOf(headers), token)) {
    return "the address of this studio has a token, which is missing or wrong; open the address that imago studio printed";
  }
  const isOwn = origin === `http://${host}`;
  if (!READS.includes(method)) {
    return isOwn
      ? undefined
      : `only the studio's own page may change something, not ${origin ?? "a request without an origin"}`;
  }
  const site = headers["sec-fetch-site"];
  const isOther =
    (origin !== undefined && !isOwn) || (site !== undefined && !OWN_SITES.includes(String(site)));
  const opensPage = headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  return isOther && !opensPage ? "only the studio's own page may read from here" : undefined;
}

/** Compares in a time that tells nothing. */
export function isToken(given: string | undefined, token: string): boolean {
  const [a, b] = [Buffer.from(given ?? ""), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function cookieOf({ cookie = "" }: IncomingHttpHeaders): string | undefined {
  const pairs = cookie.split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([name]) => name === TOKEN_COOKIE)?.[1];
}
