// Live progress: one line redrawn in a terminal, a plain line now and then elsewhere (logs, pipes, dumb terminals).

/** How often the terminal's line is redrawn, and a plain line written (milliseconds). */
const REDRAW_MS = 80;
const PLAIN_MS = 10_000;
/** Widths of the bar: what it has where there is room, and the least that is worth drawing. */
const WIDE_BAR = 20;
const NARROW_BAR = 4;
const BETWEEN = "  ";

/** Where progress goes: process.stderr or process.stdout, or a test's stand-in. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How far some work is. */
export interface Status {
  /** 0 to 1: drawn as a bar in a terminal, as wide as there is room for. Left out: no bar. */
  readonly share?: number;
  /** What is said beside the bar, the most important last: a narrow terminal loses the first of them. */
  readonly parts: readonly string[];
}

/** One status line and the messages above it. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #plainEvery: number;
  /** Whether a line can be redrawn: in a terminal that does not call itself one without control codes. */
  readonly #live: boolean;
  #status: Status = { parts: [] };
  #drawn = "";
  #drawnAt = Number.NEGATIVE_INFINITY;

  /** @param term the kind of terminal, as TERM names it */
  constructor(
    stream: ProgressStream,
    { now = Date.now, plainEvery = PLAIN_MS, term = process.env.TERM } = {},
  ) {
    this.#stream = stream;
    this.#live = stream.isTTY === true && term !== "dumb";
    this.#now = now;
    this.#plainEvery = plainEvery;
  }

  /** Shows the present status. Called as often as there is news; it draws only as often as is worth it. */
  status(status: Status, { force = false } = {}): void {
    this.#status = status;
    const now = this.#now();
    if (!force && now - this.#drawnAt < (this.#live ? REDRAW_MS : this.#plainEvery)) return;
    this.#drawnAt = now;
    if (this.#live) this.#draw(status);
    else this.#stream.write(`${status.parts.join(BETWEEN)}\n`);
  }

  /** Says in the place of the bar what is being done just now; in a terminal only. */
  activity(text: string): void {
    if (this.#live) this.#draw({ parts: this.#status.parts }, `[${text}]`);
  }

  /** Writes a line that stays, above the status. */
  message(text: string): void {
    if (this.#drawn === "") this.#stream.write(`${text}\n`);
    else this.#stream.write(`\r\x1b[K${text}\n${this.#drawn}`);
  }

  /** Ends the status line: what follows begins on a line of its own. */
  end(): void {
    if (this.#drawn !== "") this.#stream.write("\n");
    this.#drawn = "";
  }

  /** Removes the status line. */
  clear(): void {
    if (this.#drawn !== "") this.#stream.write("\r\x1b[K");
    this.#drawn = "";
  }

  #draw(status: Status, head = ""): void {
    this.#drawn = fitted(status, head, (this.#stream.columns || 80) - 1);
    this.#stream.write(`\r\x1b[K${this.#drawn}`);
  }
}

/** The head or the bar and as many of the last parts as fit into `width`, the bar giving way first. */
function fitted({ share, parts }: Status, head: string, width: number): string {
  const length = (texts: readonly string[]) => texts.join(BETWEEN).length;
  const before = head === "" ? [] : [head];
  let shown = [...before, ...parts];
  for (let first = 1; length(shown) > width && first < parts.length; first++) {
    shown = [...before, ...parts.slice(first)];
  }
  const room = Math.min(WIDE_BAR, width - length(shown) - BETWEEN.length - "[]".length);
  // In multiples, so that it does not change its width with every digit beside it.
  if (share !== undefined && room >= NARROW_BAR) shown.unshift(bar(share, room - (room % NARROW_BAR)));
  const text = shown.join(BETWEEN);
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** [████░░░░] for a share from 0 to 1. */
export function bar(share: number, width = WIDE_BAR): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${"█".repeat(filled)}${"░".repeat(width - filled)}]`;
}
