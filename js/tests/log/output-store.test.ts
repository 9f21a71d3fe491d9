import { describe, expect, test } from "vitest";
import { Bits } from "../../src/log/arena.ts";
import { Classifier, levelOf, Traces } from "../../src/log/entries.ts";
import { type RowOptions, Rows } from "../../src/log/log-rows.ts";
import { Search } from "../../src/log/log-search.ts";
import { LINE_LIMIT, LogStore, OPEN_ROW } from "../../src/log/output-store.ts";
import { Query, QueryError } from "../../src/log/query.ts";
import { STYLED } from "../../src/log/screen.ts";
import { end, give, random } from "./given.ts";

function log(...parts: [stream: "stdout" | "stderr", text: string][]): LogStore {
  const store = new LogStore();
  parts.forEach(([stream, text], n) => {
    give(store, stream, text, 1000 + n);
  });
  return store;
}

function texts(store: LogStore, rows: Iterable<number>): string[] {
  return Array.from(rows, (row) => store.line(row).text);
}

const all = (store: LogStore) =>
  texts(
    store,
    Array.from({ length: store.rows }, (_, n) => n),
  );

function shown(store: LogStore, options: Partial<RowOptions>): string[] {
  const rows = new Rows(store, {
    streams: "both",
    filter: null,
    unfolded: null,
    columns: 0,
    ...options,
  });
  return texts(
    store,
    Array.from({ length: rows.count }, (_, n) => rows.rowAt(n)),
  );
}

describe("rows", () => {
  test("both streams stand in the order in which their lines ended", () => {
    const store = log(["stdout", "a\nb"], ["stderr", "x\n"], ["stdout", "b\nc"]);

    expect(all(store)).toEqual(["a", "x", "bb"]);
    expect([0, 1, 2].map((row) => store.streamOf(row))).toEqual(["stdout", "stderr", "stdout"]);
    expect(texts(store, store.openRows())).toEqual(["c"]);
  });

  test("a bar on one stream stays the last line while the other goes on", () => {
    const store = log(
      ["stderr", "\r10%"],
      ["stdout", "one\n"],
      ["stderr", "\r20%"],
      ["stdout", "two\n"],
    );

    expect(all(store)).toEqual(["one", "two"]);
    expect(texts(store, store.openRows())).toEqual(["20%"]);
  });

  test("ten thousand rewrites of a line are one row", () => {
    const store = log(["stdout", "\r 1% ".repeat(10_000)], ["stdout", "\rdone\n"]);

    expect(all(store)).toEqual(["done"]);
  });

  test("a line knows when its first byte came", () => {
    const store = log(["stdout", "a\nb"], ["stdout", "b\n"], ["stdout", "c\n"]);

    expect([0, 1, 2].map((row) => store.time(row))).toEqual([1000, 1000, 1002]);
  });

  test("a long line is cut where it is shown, between characters, and says how much is left", () => {
    const store = log(["stdout", `${"é".repeat(LINE_LIMIT)}\n`]);
    const line = store.line(0);

    expect(line.text.length).toBe(LINE_LIMIT / 2);
    expect(line.cut).toBe(LINE_LIMIT);
    expect(store.line(0, 1 << 20).cut).toBe(0);
  });

  test("a line that never ends costs no more to look at than its beginning", () => {
    const store = log(["stdout", "x".repeat(300_000)]);
    const [open] = store.openRows();

    expect(store.width(open!)).toBe(300_000);
    expect(store.line(open!)).toMatchObject({ cut: 300_000 - LINE_LIMIT });
    give(store, "stdout", "\rback", 2);
    expect(store.line(open!).text.slice(0, 6)).toBe("backxx");
  });

  test("a row's version changes when the row is redrawn, and only then", () => {
    const store = log(["stdout", "50%\nopen"]);
    const before = [store.version(0), store.version(OPEN_ROW)];
    give(store, "stderr", "elsewhere\n", 2);
    expect([store.version(0), store.version(OPEN_ROW)]).toEqual(before);
    give(store, "stdout", "\x1b[A\r60%", 3);
    const redrawn = store.version(0);
    give(store, "stdout", "\r70%", 4);

    expect(new Set([before[0], redrawn, store.version(0)]).size).toBe(3);
  });

  test("a redrawn line keeps its colours and links when it is final", () => {
    const store = log([
      "stdout",
      "x\r\x1b[31mred \x1b]8;;https://example.org/\x07link\x1b]8;;\x07\n",
    ]);
    give(store, "stdout", "\n".repeat(60), 2);
    const { spans, text } = store.line(0);

    expect(store.isLive(0)).toBe(false);
    expect(text).toBe("red link");
    expect(spans.map(({ fg, link }) => [fg, link])).toEqual([
      [2, ""],
      [2, "https://example.org/"],
    ]);
  });

  test("clearing the screen keeps what was on it", () => {
    expect(all(log(["stdout", "old\n\x1b[2J\x1b[Hnew\n"]))).toEqual(["old", "new"]);
  });

  test("at the end of a stream its last line is a row", () => {
    const store = log(["stdout", "no newline"]);
    end(store, "stdout");

    expect(all(store)).toEqual(["no newline"]);
    expect(store.openRows()).toEqual([]);
  });
});

describe("reading", () => {
  const part = "\x1b[32mgreen\x1b[0m and é\r\n".repeat(4000);
  const utf8 = new TextEncoder();

  test("much output is read in parts, and comes to the same lines", () => {
    const store = new LogStore();
    let now = 0;
    for (const stream of ["stdout", "stderr", "stdout"] as const)
      store.append(stream, utf8.encode(part), 1);
    store.note("missing", "stdout", 2);
    store.append("stdout", utf8.encode("last"), 3);
    store.finish("stdout", 3);
    const all: number[] = [];
    for (let done = false; !done; all.push(store.rows)) done = store.read(0, () => now++);

    expect(all.length).toBeGreaterThan(10);
    expect(store.rows).toBe(12_002);
    expect([3999, 4000, 7999, 8000].map((row) => store.streamOf(row))).toEqual([
      "stdout",
      "stderr",
      "stderr",
      "stdout",
    ]);
    expect([0, 5000, 11_999, 12_000, 12_001].map((row) => store.line(row).text)).toEqual([
      "green and é",
      "green and é",
      "green and é",
      "missing",
      "last",
    ]);
    expect([store.time(11_999), store.time(12_001)]).toEqual([1, 3]);
  });

  test.each([1, 2, 3, 5, 7])(
    "a sequence cut after %i bytes is no reason to look closer",
    (size) => {
      const store = new LogStore();
      const bytes = utf8.encode("\x1b[1;32mgreen\x1b[0m text\n".repeat(50));
      for (let at = 0; at < bytes.length; at += size) {
        store.append("stdout", bytes.subarray(at, at + size), 1);
        store.read(0);
      }

      expect(store.run("stdout", 0).flags).toBe(STYLED);
    },
  );
});

describe("search", () => {
  const find = (store: LogStore, text: string, regex = false, matchCase = false) => {
    const search = new Search(store, new Query(text, { regex, matchCase }));
    while (!search.step(1000));
    return texts(store, search.rows.between(0, store.rows));
  };

  const mixed = log(
    ["stdout", "plain\n\x1b[31mtests FAI\x1b[0mLED here\n"],
    ["stderr", "failed too\r\nétage FAILED\n"],
    ["stdout", "bar 1%\rFAILED\nnothing\n\vvertical failed\n"],
    ["stdout", "a\u200bb\n日本 failed\n"],
  );

  test("sees what the eye sees: through colours, redrawn lines and both streams", () => {
    expect(find(mixed, "failed")).toEqual([
      "tests FAILED here",
      "failed too",
      "étage FAILED",
      "FAILED",
      "vertical failed",
      "日本 failed",
    ]);
    expect(find(mixed, "FAILED", false, true)).toHaveLength(3);
    expect(find(mixed, "^fai\\w+", true)).toEqual(["failed too", "FAILED"]);
    expect(find(mixed, "U+200B")).toEqual(["a⟨U+200B⟩b"]);
  });

  test("finds the same as looking at each line", () => {
    const words = [
      "alpha",
      "Beta",
      "\x1b[1mgam\x1b[0mma",
      "é",
      "日",
      "\x1b[2K",
      "\t",
      "\r",
      "\x00",
    ];
    let seed = 3;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    const store = new LogStore();
    for (let n = 0; n < 400; n++) {
      const line = Array.from({ length: random(6) }, () => words[random(words.length)]).join("");
      give(store, random(3) ? "stdout" : "stderr", `${line}\n`, 1);
    }
    for (const [text, regex] of [
      ["alpha"],
      ["beta"],
      ["gamma"],
      ["é"],
      ["a.*日", true],
      ["^$", true],
    ] as const) {
      const query = new Query(text, { regex: regex === true, matchCase: false });

      expect(find(store, text, regex)).toEqual(all(store).filter((line) => query.test(line)));
    }
  });

  test("a line redrawn after it was searched is searched again", () => {
    const store = log(["stdout", "50%\nnext"]);
    const search = new Search(store, new Query("done", { regex: false, matchCase: false }));
    search.step(1000);
    expect(search.rows.size).toBe(0);
    give(store, "stdout", "\x1b[A\rdone\n", 2);
    search.step(1000);
    search.again();

    expect(texts(store, search.rows.between(0, 9))).toEqual(["done"]);
    expect(search.counts.stdout).toBe(1);
  });

  test("goes on in slices where it stopped", () => {
    const store = log(["stdout", `${"x".repeat(200)}\n`.repeat(5000)]);
    let now = 0;
    const search = new Search(
      store,
      new Query("x", { regex: false, matchCase: true }),
      () => now++,
    );
    expect(search.step(0)).toBe(false);
    const first = search.rows.size;
    expect(first).toBeGreaterThan(0);
    while (!search.step(0));

    expect(search.rows.size).toBe(5000);
    expect(first).toBeLessThan(5000);
  });

  test("a pattern that cannot be used says why and what to do", () => {
    expect(() => new Query("(", { regex: true, matchCase: false })).toThrow(QueryError);
    expect(() => new Query("(a{100}){100}", { regex: true, matchCase: false })).toThrow(/2,000/);
  });

  test("places are marked within the visible text", () => {
    const query = new Query("o", { regex: false, matchCase: false });

    expect(query.places("foO")).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(new Query("", { regex: true, matchCase: false }).places("abc")).toEqual([]);
  });
});

describe("levels and traces", () => {
  test.each([
    ["2026-01-01 ERROR db: gone", 1],
    ["ValueError: bad", 1],
    ["tests/a.py::test_x FAILED", 1],
    ["npm error code E404", 1],
    ["error[E0308]: mismatched types", 1],
    ["main.c:3: warning: unused", 2],
    ["WARN  slow", 2],
    ["DeprecationWarning: old", 2],
    ["[INFO] up", 3],
    ["DEBUG x", 4],
    ["0 errors, all good", 0],
    ["an errorless day", 0],
    ["the information", 0],
  ])("%s is level %i", (line, level) => {
    expect(levelOf(line)).toBe(level);
  });

  const PIECES = [
    ...[
      "Traceback (most recent call last):\n",
      '  File "a.py"\n',
      "    at f (x)\n",
      "KeyError: x\n",
    ],
    ...["\n", "\n", "\n", " ", "a", "ERROR", "WARN", "INFO", "TRACE", "errors", "\r\n", "npm warn"],
    ...["\x1b[31m", "\x1b[0m", "\x1b[K", "ERR", "OR", "Valu", "eError:", "panic:", "at ", "\t"],
    ...[
      "goroutine 7 [\n",
      "Caused by: b\n",
      "    ... 3 more\n",
      "--- End of x\n",
      "thread 'a' panicked at\n",
    ],
    ...["During handling of the above\n", "stack backtrace:\n", "  at\tx"],
    ...["é", "\u2003at x", "\rback", "\x01", "\x1b[?1m"],
  ];

  test.each(Array.from({ length: 30 }, (_, seed) => seed))(
    "every line is what it would be if each were read alone, in its turn (%i)",
    (seed) => {
      const next = random(seed + 1);
      const pieces = seed % 2 === 0 ? PIECES.slice(0, -5) : PIECES;
      const store = new LogStore();
      const output = Array.from({ length: 2000 }, () => pieces[next(pieces.length)]).join("");
      give(store, "stdout", output);
      end(store, "stdout");
      const classifier = new Classifier(store);
      while (!classifier.step(1000));
      const traces = new Traces();
      const rows = Array.from({ length: store.rows }, (_, row) => row);
      const expected = rows.map((row) => {
        const { text } = store.line(row);
        return [row, levelOf(text), traces.continues(text)];
      });

      expect(rows.map((row) => [row, store.level(row), store.continues(row)])).toEqual(expected);
    },
  );

  const trace = [
    "before",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "    g()",
    "KeyError: 'x'",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "a.py", line 9, in h',
    "ValueError: y",
    "after",
    "java.lang.IllegalStateException: z",
    "\tat A.b(A.java:1)",
    "Caused by: java.io.IOException: w",
    "\t... 3 more",
    "  indented, but no trace",
    "end",
  ];

  function classified(): LogStore {
    const store = log(["stderr", trace.map((line) => `${line}\n`).join("")]);
    const classifier = new Classifier(store);
    while (!classifier.step(1000));
    return store;
  }

  test("a folded trace is its first line, chained traces go on in it", () => {
    expect(shown(classified(), { unfolded: new Bits() })).toEqual([
      "before",
      "Traceback (most recent call last):",
      "",
      "",
      "after",
      "java.lang.IllegalStateException: z",
      "  indented, but no trace",
      "end",
    ]);
  });

  test("an unfolded one is shown whole, and a folded one says how much is hidden", () => {
    const store = classified();
    const unfolded = new Bits();
    unfolded.add(12);
    const rows = new Rows(store, { streams: "both", filter: null, unfolded, columns: 0 });

    expect(shown(store, { unfolded })).toContain("\tat A.b(A.java:1)");
    expect(rows.folded(12)).toBe(3);
    expect(rows.folded(0)).toBe(0);
  });

  test("counts stand per stream and level", () => {
    const store = log(["stdout", "ERROR a\nWARN b\nERROR c\n"], ["stderr", "INFO d\n"]);
    const classifier = new Classifier(store);
    classifier.step(1000);

    expect(classifier.counts.stdout).toEqual([0, 2, 1, 0, 0]);
    expect(classifier.counts.stderr[3]).toBe(1);
  });
});

describe("what is shown", () => {
  const numbers = log(["stdout", Array.from({ length: 20 }, (_, n) => `${n}\n`).join("")]);
  const filter = (wanted: number[], around: number) => ({
    matches: (row: number) => wanted.includes(row),
    around,
    upTo: () => 20,
  });

  test("only matches, with lines around them, each once", () => {
    expect(shown(numbers, { filter: filter([5, 7, 15], 2) })).toEqual([
      "3",
      "4",
      "5",
      "6",
      "7",
      "8",
      "9",
      "13",
      "14",
      "15",
      "16",
      "17",
    ]);
    expect(shown(numbers, { filter: filter([0, 19], 0) })).toEqual(["0", "19"]);
  });

  test("one stream alone, with its open line", () => {
    const store = log(["stdout", "a\n"], ["stderr", "x\ny"], ["stdout", "b"]);

    expect(shown(store, { streams: "stderr" })).toEqual(["x", "y"]);
    expect(shown(store, { streams: "both" })).toEqual(["a", "x", "b", "y"]);
  });

  test("a row is found again by its number", () => {
    const rows = new Rows(numbers, {
      streams: "both",
      filter: filter([5, 9], 0),
      unfolded: null,
      columns: 0,
    });

    expect([5, 6, 9, 10].map((row) => rows.indexOf(row))).toEqual([0, 1, 1, 2]);
  });

  test("wrapped lines have as many places as they need, and places find their line", () => {
    const store = log([
      "stdout",
      ["a".repeat(25), "", "日".repeat(10), "\tx"].map((l) => `${l}\n`).join(""),
    ]);
    give(store, "stdout", "b".repeat(11), 2);
    const rows = new Rows(store, { streams: "both", filter: null, unfolded: null, columns: 10 });

    expect(rows.places).toBe(3 + 1 + 2 + 1 + 2);
    expect([0, 2, 3, 4, 6, 7, 8].map((place) => rows.at(place))).toEqual([
      { row: 0, part: 0 },
      { row: 0, part: 2 },
      { row: 1, part: 0 },
      { row: 2, part: 0 },
      { row: 3, part: 0 },
      { row: OPEN_ROW, part: 0 },
      { row: OPEN_ROW, part: 1 },
    ]);
  });

  test("places and rows agree over many lines, also when they come bit by bit", () => {
    const store = new LogStore();
    const rows = new Rows(store, { streams: "both", filter: null, unfolded: null, columns: 20 });
    for (let n = 0; n < 3000; n++) {
      give(store, "stdout", `${"x".repeat((n * 7) % 90)}\n`, n);
      if (n % 97 === 0) rows.update();
    }
    rows.update();
    const counted = Array.from({ length: 3000 }, (_, n) =>
      Math.max(1, Math.ceil(((n * 7) % 90) / 20)),
    );

    expect(rows.places).toBe(counted.reduce((sum, parts) => sum + parts, 0));
    for (const index of [0, 1, 511, 512, 513, 1024, 2047, 2999]) {
      expect(rows.at(rows.placeOf(index))).toEqual({ row: index, part: 0 });
    }
  });
});
