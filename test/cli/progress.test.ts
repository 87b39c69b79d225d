import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { bar, Progress, type Status } from "../../src/cli/progress.ts";
import { bytes, counted, duration, imagoCommand, magnitude } from "../../src/cli/wording.ts";

beforeEach(() => vi.stubEnv("TERM", "xterm"));
afterEach(() => vi.unstubAllEnvs());

test("units", () => {
  expect([duration(7.6), duration(185), duration(7620), duration(-1)]).toEqual([
    "8 s",
    "3 min 05 s",
    "2 h 07 min",
    "0 s",
  ]);
  expect([bytes(12), bytes(7_400_000), bytes(1.23e9), bytes(999_999)]).toEqual([
    "12 B",
    "7.40 MB",
    "1.23 GB",
    "1.00 MB",
  ]);
  expect([bar(0, 4), bar(0.5, 4), bar(2, 4)]).toEqual(["[░░░░]", "[██░░]", "[████]"]);
  expect([counted(1, "image"), counted(0, "image"), counted(1000, "step")]).toEqual([
    "1 image",
    "0 images",
    "1,000 steps",
  ]);
  expect([magnitude(12), magnitude(11_767), magnitude(113_673_219)]).toEqual(["12", "11.8 k", "113.7 M"]);
});

test("a command to go on with can be pasted", () => {
  vi.stubEnv("npm_lifecycle_event", "");
  expect(imagoCommand("sample", "runs/quick")).toBe("imago sample runs/quick");
  vi.stubEnv("npm_lifecycle_event", "npx");
  vi.stubEnv("npm_lifecycle_script", "vitest");
  expect(imagoCommand("train")).toBe("imago train");
  vi.stubEnv("npm_lifecycle_script", "'imago'");
  expect(imagoCommand("train", "--resume")).toBe("npx imago train --resume");
});

test.skipIf(process.platform === "win32")("paths are quoted for the shell", () => {
  expect(imagoCommand("--out", "my runs/it's $1")).toMatch(/imago --out 'my runs\/it'\\''s \$1'$/);
});

const training = (share: number): Status => ({
  share,
  parts: ["epoch 1/94", "step 32/3000", "loss 0.2765", "251.0 images/s", "1 min 30 s left"],
});

test("a terminal's line fits its width: the bar gives way first, then what matters least", () => {
  const drawn = (columns: number, draw = (progress: Progress) => progress.status(training(0.5))) => {
    let said = "";
    draw(new Progress({ isTTY: true, columns, write: (text) => (said += text) }));
    return said.slice(said.lastIndexOf("\x1b[K") + 3);
  };
  const all = "epoch 1/94  step 32/3000  loss 0.2765  251.0 images/s  1 min 30 s left";
  expect(drawn(120)).toBe(`[██████████░░░░░░░░░░]  ${all}`);
  expect(drawn(80)).toBe(`[██░░]  ${all}`);
  expect(drawn(72)).toBe(all);
  expect(drawn(60)).toBe("step 32/3000  loss 0.2765  251.0 images/s  1 min 30 s left");
  expect(drawn(20)).toBe("1 min 30 s left");
  expect(drawn(10)).toBe("1 min 30…");
  // A terminal that does not know its width says 0.
  expect(drawn(0)).toBe(drawn(80));
  const saving = (progress: Progress) => {
    progress.status(training(0.5));
    progress.activity("saving");
  };
  expect(drawn(80, saving)).toBe("[saving]  step 32/3000  loss 0.2765  251.0 images/s  1 min 30 s left");
});

test("one line redrawn in a terminal, plain lines now and then elsewhere", () => {
  let said = "";
  let now = 0;
  const stream = { columns: 40, write: (text: string) => (said += text) };
  const terminal = new Progress({ ...stream, isTTY: true }, { now: () => now });
  terminal.status({ parts: ["one"] });
  terminal.status({ parts: ["too soon"] });
  terminal.message("hello");
  now = 100;
  terminal.status({ share: 1, parts: ["two", "three"] });
  terminal.end();
  expect(said).toBe("\r\x1b[Kone\r\x1b[Khello\none\r\x1b[K[████████████████████]  two  three\n");

  said = "";
  now = 0;
  const pipe = new Progress(stream, { now: () => now, plainEvery: 1000 });
  pipe.status({ share: 0, parts: ["one", "uno"] });
  now = 500;
  pipe.status({ parts: ["two"] });
  pipe.message("hello");
  pipe.activity("saving");
  now = 1500;
  pipe.status({ parts: ["three"] });
  pipe.end();
  expect(said).toBe("one  uno\nhello\nthree\n");
});

test("a terminal that says it knows no control codes gets plain lines", () => {
  let said = "";
  const stream = { isTTY: true, columns: 40, write: (text: string) => (said += text) };
  const dumb = new Progress(stream, { now: () => 0, term: "dumb" });
  dumb.status({ share: 0, parts: ["one", "uno"] });
  dumb.activity("saving");
  dumb.message("hello");
  dumb.clear();
  dumb.end();
  expect(said).toBe("one  uno\nhello\n");
});
