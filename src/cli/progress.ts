// Live progress: one line redrawn in a terminal, a plain line now and then elsewhere (logs, pipes).

/** How often the terminal's line is redrawn, and a plain line written (milliseconds). */
const REDRAW_MS = 80;
const PLAIN_MS = 10_000;

/** Where progress goes: process.stderr or process.stdout, or a test's stand-in. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** One status line and the messages above it. */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #plainEvery: number;
  #status = "";
  #drawn = "";
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(stream: ProgressStream, { now = Date.now, plainEvery = PLAIN_MS } = {}) {
    this.#stream = stream;
    this.#now = now;
    this.#plainEvery = plainEvery;
  }

  /** Shows the present status. Called as often as there is news; it draws only as often as is worth it. */
  status(text: string, { force = false } = {}): void {
    const live = this.#stream.isTTY === true;
    this.#status = text;
    const now = this.#now();
    if (!force && now - this.#drawnAt < (live ? REDRAW_MS : this.#plainEvery)) return;
    this.#drawnAt = now;
    if (!live) {
      this.#stream.write(`${text}\n`);
      return;
    }
    this.#draw(text);
  }

  /** Adds to the status what is being done just now; in a terminal only. */
  activity(text: string): void {
    if (this.#stream.isTTY === true) this.#draw(`${text}  ${this.#status}`);
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

  #draw(text: string): void {
    const width = (this.#stream.columns ?? 80) - 1;
    this.#drawn = text.length > width ? `${text.slice(0, width - 1)}…` : text;
    this.#stream.write(`\r\x1b[K${this.#drawn}`);
  }
}

/** [######----] for a share from 0 to 1. */
export function bar(share: number, width = 20): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${"█".repeat(filled)}${"░".repeat(width - filled)}]`;
}

/** "8 s", "3 min 05 s", "2 h 07 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** Bytes in the unit a person would choose: "7.4 MB", "1.2 GB" (powers of ten). */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}
