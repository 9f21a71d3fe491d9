import { describe, expect, test } from "vitest";
import { Intake } from "../../src/log/intake.ts";

const utf8 = new TextEncoder();

function shown(intake: Intake): string[] {
  while (!intake.step(10));
  const { store } = intake;
  const rows = Array.from({ length: store.rows }, (_, row) => row).concat(store.openRows());
  return rows.map(
    (row) => `${store.streamOf(row) === "stderr" ? "! " : ""}${store.line(row).text}`,
  );
}

function all(intake: Intake, stream: "stdout" | "stderr"): string {
  return Buffer.concat(intake.bytes(stream)).toString();
}

/** Small numbers in a fixed order. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
}

describe("bytes by offset", () => {
  test("what arrives twice is taken once, also in part", () => {
    const intake = new Intake();
    intake.take("stdout", 0, utf8.encode("abc\n"), 1);
    intake.take("stdout", 2, utf8.encode("c\ndef\n"), 2);
    intake.take("stdout", 0, utf8.encode("abc\n"), 3);

    expect(shown(intake)).toEqual(["abc", "def"]);
    expect(intake.repeated).toBe(6);
  });

  test("a hole is asked for, and what came too early waits for it", () => {
    const intake = new Intake();
    intake.take("stdout", 0, utf8.encode("one\n"), 1);
    intake.take("stdout", 8, utf8.encode("three\n"), 2);
    expect(intake.holes("stdout")).toEqual([[4, 7]]);
    intake.take("stdout", 4, utf8.encode("two\n"), 3);

    expect(shown(intake)).toEqual(["one", "two", "three"]);
    expect(intake.holes("stdout")).toEqual([]);
  });

  test("bytes that nobody keeps leave a line that says so", () => {
    const intake = new Intake();
    intake.take("stdout", 0, utf8.encode("one\nha"), 1);
    intake.take("stdout", 1006, utf8.encode("lf\nlast\n"), 2, 1000);

    expect(shown(intake)).toEqual([
      "one",
      "ha",
      "··· 1,000 bytes of stdout are not kept any more ···",
      "lf",
      "last",
    ]);
    expect(intake.lost("stdout")).toBe(1000);
  });

  test("a hole that is given up lets the rest go on", () => {
    const intake = new Intake();
    intake.take("stderr", 0, utf8.encode("a\n"), 1);
    intake.take("stderr", 5, utf8.encode("b\n"), 1);
    intake.giveUp("stderr");

    expect(shown(intake)[2]).toBe("! b");
    expect(intake.lost("stderr")).toBe(3);
  });

  test("streams of any bytes, cut and delivered anyhow, come out as they were", () => {
    const letters = [
      "a",
      "é",
      "日",
      "👍",
      "\n",
      "\r",
      "\x1b[31m",
      "\x1b[A",
      "\b",
      "\x00",
      "x".repeat(50),
    ];
    for (let seed = 1; seed <= 60; seed++) {
      const random = dice(seed);
      const text = Array.from({ length: 200 }, () => letters[random(letters.length)]).join("");
      const bytes = utf8.encode(text);
      const intake = new Intake();
      const pieces: [number, number][] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + random(40));
        pieces.push([Math.max(0, at - random(5)), end]);
        at = end;
      }
      // Now and then one overtakes the next, and one comes again.
      for (let n = 2; n < pieces.length; n += 3)
        [pieces[n - 1], pieces[n]] = [pieces[n]!, pieces[n - 1]!];
      for (const [from, to] of [pieces[0]!, ...pieces])
        intake.take("stdout", from, bytes.subarray(from, to), 1);
      const whole = new Intake();
      whole.take("stdout", 0, bytes, 1);

      expect(all(intake, "stdout")).toBe(text);
      expect(intake.holes("stdout")).toEqual([]);
      expect(shown(intake)).toEqual(shown(whole));
    }
  });
});

describe("earlier output", () => {
  test("loaded later, it stands in front and the streams stay as they were", () => {
    const intake = new Intake();
    intake.take("stdout", 8, utf8.encode("three\n"), 10);
    intake.take("stderr", 0, utf8.encode("oops\n"), 11);
    intake.take("stdout", 14, utf8.encode("fo"), 12);
    intake.want("stdout", 0);
    expect(intake.holes("stdout")).toEqual([[0, 7]]);
    intake.take("stdout", 4, utf8.encode("two\n"), 20);
    intake.take("stdout", 0, utf8.encode("one\n"), 21);
    expect(intake.loading).toBe(true);
    intake.take("stdout", 16, utf8.encode("ur\n"), 22);
    while (!intake.step(0));

    expect(shown(intake)).toEqual(["one", "two", "three", "! oops", "four"]);
    expect(intake.first("stdout")).toBe(0);
    expect(intake.store.time(2)).toBe(10);
    expect(intake.loading).toBe(false);
  });

  test("a style from the loaded part colours what was there before", () => {
    const intake = new Intake();
    intake.take("stdout", 5, utf8.encode("red\n"), 1);
    intake.step(10);
    expect(intake.store.line(0).spans[0]!.fg).toBe(0);
    intake.want("stdout", 0);
    intake.take("stdout", 0, utf8.encode("\x1b[31m"), 2);
    while (!intake.step(10));

    expect(intake.store.line(0).spans[0]!.fg).toBe(2);
  });

  test("what was lost in between stays lost in between", () => {
    const intake = new Intake();
    intake.take("stdout", 4, utf8.encode("two\n"), 1);
    intake.take("stdout", 12, utf8.encode("four\n"), 2, 4);
    intake.want("stdout", 0);
    intake.take("stdout", 0, utf8.encode("one\n"), 3);
    while (!intake.step(10));

    expect(shown(intake).map((line) => line.slice(0, 8))).toEqual([
      "one",
      "two",
      "··· 4 by",
      "four",
    ]);
    expect(intake.next("stdout")).toBe(17);
  });

  test("both streams come back in the order in which they were printed", () => {
    const intake = new Intake();
    intake.start("stdout", 8);
    intake.start("stderr", 4);
    intake.want("stdout", 0);
    intake.want("stderr", 0);
    intake.take("stdout", 0, utf8.encode("o1\n"), 1);
    intake.take("stdout", 3, utf8.encode("o2\n"), 3);
    intake.take("stdout", 6, utf8.encode("o\n"), 5);
    intake.take("stderr", 4, utf8.encode("e3\n"), 6);
    expect(intake.loading).toBe(true);
    intake.take("stderr", 0, utf8.encode("e1\n"), 2);
    intake.take("stderr", 3, utf8.encode("\n"), 4);
    while (!intake.step(10));

    expect(shown(intake)).toEqual(["o1", "! e1", "o2", "! ", "o", "! e3"]);
  });

  test("what the kernel let go in the meantime is not waited for", () => {
    const intake = new Intake();
    intake.start("stdout", 12);
    intake.want("stdout", 0);
    intake.take("stdout", 4, utf8.encode("one\n"), 1, 4);
    intake.take("stdout", 12, new Uint8Array(0), 2, 4);
    while (!intake.step(10));

    expect(shown(intake).map((line) => line.slice(0, 8))).toEqual(["··· 4 by", "one", "··· 4 by"]);
    expect(intake.loading).toBe(false);
  });

  test("a log that begins with a hole says so", () => {
    const intake = new Intake();
    intake.take("stdout", 4, utf8.encode("two\n"), 1, 4);

    expect(shown(intake)[1]).toBe("two");
    expect(intake.lost("stdout")).toBe(4);
  });

  test("beyond its budget the page lets the oldest go and keeps the offsets", () => {
    const intake = new Intake(1000);
    const line = utf8.encode(`${"x".repeat(99)}\n`);
    for (let n = 0; n < 30; n++) {
      intake.take("stdout", n * 100, line, n);
      while (!intake.step(10));
    }

    expect(intake.store.rows).toBeLessThanOrEqual(11);
    expect(intake.next("stdout")).toBe(3000);
    expect(intake.first("stdout") + intake.store.rows * 100).toBe(3000);
  });
});
