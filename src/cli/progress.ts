// Live progress: one line redrawn in a terminal, a plain line at intervals elsewhere (logs, pipes, dumb terminals).

/** Interval for redrawing the terminal's line, and for plain lines (milliseconds). */
const REDRAW_MS = 80;
const PLAIN_MS = 10_000;
/** Widths of the bar: the usual one, and the smallest useful one. */
const WIDE_BAR = 20;
const NARROW_BAR = 4;
const BETWEEN = "  ";

/** The destination of progress: process.stderr, process.stdout, or a test's substitute. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** The progress of some work. */
export interface Status {
  /** 0 to 1: shown as a bar in a terminal, as wide as there is room for. Without it: no bar. */
  readonly share?: number;
  /** Texts next to the bar, the most important last: a narrow terminal drops the first ones. */
  readonly parts: readonly string[];
}

/** One status line and the messages above it. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #plainEvery: number;
  /** Whether a line can be redrawn: in a terminal, unless it is named "dumb". */
  readonly #live: boolean;
  #status: Status = { parts: [] };
  #drawn = "";
  #drawnAt = Number.NEGATIVE_INFINITY;

  /** @param term the kind of terminal, the value of TERM */
  constructor(
    stream: ProgressStream,
    { now = Date.now, plainEvery = PLAIN_MS, term = process.env.TERM } = {},
  ) {
    this.#stream = stream;
    this.#live = stream.isTTY === true && term !== "dumb";
    this.#now = now;
    this.#plainEvery = plainEvery;
  }

  /** Shows the current status. Call it as often as there is news; it limits how often it draws. */
  status(status: Status, { force = false } = {}): void {
    this.#status = status;
    const now = this.#now();
    if (!force && now - this.#drawnAt < (this.#live ? REDRAW_MS : this.#plainEvery)) return;
    this.#drawnAt = now;
    if (this.#live) this.#draw(status);
    else this.#stream.write(`${status.parts.join(BETWEEN)}\n`);
  }

  /** Shows the current activity in place of the bar; in a terminal only. */
  activity(text: string): void {
    if (this.#live) this.#draw({ parts: this.#status.parts }, `[${text}]`);
  }

  /** Writes a permanent line above the status. */
  message(text: string): void {
    if (this.#drawn === "") this.#stream.write(`${text}\n`);
    else this.#stream.write(`\r\x1b[K${text}\n${this.#drawn}`);
  }

  /** Ends the status line: later output begins on a new line. */
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

/** The head or the bar, and as many of the last parts as fit into `width`; the bar shrinks first. */
function fitted({ share, parts }: Status, head: string, width: number): string {
  const length = (texts: readonly string[]) => texts.join(BETWEEN).length;
  const before = head === "" ? [] : [head];
  let shown = [...before, ...parts];
  for (let first = 1; length(shown) > width && first < parts.length; first++) {
    shown = [...before, ...parts.slice(first)];
  }
  const room = Math.min(WIDE_BAR, width - length(shown) - BETWEEN.length - "[]".length);
  // In multiples, so that its width does not change with every digit next to it.
  if (share !== undefined && room >= NARROW_BAR) shown.unshift(bar(share, room - (room % NARROW_BAR)));
  const text = shown.join(BETWEEN);
  return text.length > width ? `${text.slice(0, width - 1)}…` : text;
}

/** [████░░░░] for a share from 0 to 1. */
export function bar(share: number, width = WIDE_BAR): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${"█".repeat(filled)}${"░".repeat(width - filled)}]`;
}
