// What a line is: how loud (error, warning, …), and whether it goes on with the line before
// (the frames of a stack trace belong to its first line).

import { Bits } from "./arena.ts";
import { linesNear, Words } from "./byte-search.ts";
import { type LogStore, type Run, STREAMS, type StreamName } from "./output-store.ts";
import { plainLine, visibleText } from "./plain.ts";
import { ODD, WIDE } from "./screen.ts";

export const LEVELS = ["", "error", "warning", "info", "debug"] as const;
/** Index into LEVELS. */
export type Level = 0 | 1 | 2 | 3 | 4;

const ascii = new TextDecoder("latin1");

/** A level stands near the beginning of a line. */
const LOOK_AT = 240;
const WORDS =
  /\b(?:(FATAL|CRITICAL|PANIC|ERR(?:OR)?S?|FAILED|FAILURE|[eE]rror(?=[:\]]|\[)|\w*(?:Error|Exception)(?=:)|npm error|fatal(?=:)|panic(?=:))|(WARN(?:ING)?S?|[wW]arning(?=[:\]]|\[)|npm warn|\w*Warning(?=:))|(INFO|NOTICE)|(DEBUG|TRACE))\b/;

export function levelOf(line: string): Level {
  const match = WORDS.exec(line.length > LOOK_AT ? line.slice(0, LOOK_AT) : line);
  if (!match) return 0;
  for (let level = 1; level <= 4; level++) if (match[level] !== undefined) return level as Level;
  return 0;
}

const PYTHON_TRACE = /^(\s*)(?:\| |\+ )?Traceback \(most recent call last\)/;
const PYTHON_CHAIN = /^(?:During handling of the above|The above exception was)/;
const FRAME = /^\s+(?:at\s\S|\.\.\. \d+ (?:more|common frames))|^Caused by: |^\s*--- End of /;
const GO_TRACE = /^goroutine \d+ \[/;
const RUST_TRACE = /^(?:stack backtrace:|thread '.*' panicked at)/;

/** Whatever is more than a line by itself holds one of these, as the patterns above show. */
const TELLING = new Words(
  [
    ...["FATAL", "CRITICAL", "PANIC", "ERR", "FAILED", "FAILURE", "rror", "xception", "fatal"],
    ...["panic", "WARN", "warn", "arning", "INFO", "NOTICE", "DEBUG", "TRACE"],
    ...["Traceback", "at ", "at\t", "more", "frames", "Caused", "End of", "goroutine", "backtrace"],
  ],
  false,
);

enum Inside {
  Nothing,
  Python,
  PythonMessage,
  Until,
}

/** Follows one stream line by line and tells which lines go on with an entry. */
export class Traces {
  #inside: Inside = Inside.Nothing;
  #indent = 0;

  /** A line that holds nothing telling is a line by itself. */
  get atRest(): boolean {
    return this.#inside === Inside.Nothing;
  }

  /** Whether `line` goes on with the entry before it. */
  continues(line: string): boolean {
    const trace = PYTHON_TRACE.exec(line);
    if (trace) {
      const chained = this.#inside === Inside.PythonMessage;
      this.#inside = Inside.Python;
      this.#indent = trace[1]!.length;
      return chained;
    }
    if (this.#inside === Inside.Python) return this.#python(line);
    if (this.#inside === Inside.PythonMessage) return this.#betweenTraces(line);
    if (this.#inside === Inside.Until) return this.#untilBlank(line);
    if (GO_TRACE.test(line) || RUST_TRACE.test(line)) {
      this.#inside = Inside.Until;
      return false;
    }
    return FRAME.test(line);
  }

  /** Frames are indented; the first line that is not is the message and ends the trace. */
  #python(line: string): boolean {
    if (line.trim() !== "" && indentOf(line) <= this.#indent) this.#inside = Inside.PythonMessage;
    return true;
  }

  /** A blank line after a message belongs to the entry only if another trace is chained to it. */
  #betweenTraces(line: string): boolean {
    if (line.trim() === "" || PYTHON_CHAIN.test(line)) return PYTHON_CHAIN.test(line);
    this.#inside = Inside.Nothing;
    return FRAME.test(line);
  }

  #untilBlank(line: string): boolean {
    const goesOn = line.trim() !== "" && (indentOf(line) > 0 || !/^\w+:/.test(line));
    if (!goesOn) this.#inside = Inside.Nothing;
    return goesOn;
  }
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Reads every line once, in slices, and writes what it is into the store. */
export class Classifier {
  /** Rows of each level, index as in LEVELS. */
  readonly counts: Record<StreamName, number[]> = {
    stdout: [0, 0, 0, 0, 0],
    stderr: [0, 0, 0, 0, 0],
  };
  /** Rows that are errors. */
  readonly errors = new Bits();
  readonly #done: Record<StreamName, number> = { stdout: 0, stderr: 0 };
  readonly #traces: Record<StreamName, Traces> = { stdout: new Traces(), stderr: new Traces() };

  constructor(
    private readonly store: LogStore,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  get complete(): boolean {
    return STREAMS.every((name) => this.#left(name) === 0);
  }

  /** Rows before this one have been read. */
  get upTo(): number {
    const next = STREAMS.map((name) =>
      this.#left(name) > 0 ? this.store.stream(name).rows.get(this.#done[name]) : this.store.rows,
    );
    return Math.min(...next);
  }

  step(budgetMs: number): boolean {
    const start = this.clock();
    for (const name of STREAMS) {
      while (this.#left(name) > 0 && this.clock() - start < budgetMs) this.#run(name);
    }
    return this.complete;
  }

  /** A line that was redrawn may have become something else. */
  again(): void {
    for (const row of this.store.liveRows()) {
      const level = levelOf(this.store.line(row).text);
      const before = this.store.level(row);
      if (level !== before) this.#count(row, this.store.streamOf(row), before, level);
    }
  }

  #left(name: StreamName): number {
    return this.store.stream(name).rows.length - this.#done[name];
  }

  #run(name: StreamName): void {
    const first = this.#done[name];
    const run = this.store.run(name, first);
    if (run.flags & (ODD | WIDE)) this.#readAll(name, first, run);
    else this.#readTelling(name, first, run);
    this.#done[name] = first + run.starts.length;
  }

  #readAll(name: StreamName, first: number, run: Run): void {
    const text = visibleText(run);
    const { length } = run.starts;
    const texts = length === 1 ? [text] : text.split("\n");
    for (let n = 0; n < length; n++) this.#read(name, first + n, texts[n] ?? "");
  }

  /** Within a trace every line counts, elsewhere those that hold something telling. */
  #readTelling(name: StreamName, first: number, run: Run): void {
    const near = linesNear(TELLING, run);
    const traces = this.#traces[name];
    let next = 0;
    for (let n = 0; n < run.starts.length; n++) {
      while (near[next]! < n) next++;
      if (traces.atRest) n = near[next] ?? run.starts.length;
      if (n < run.starts.length) this.#read(name, first + n, ascii.decode(plainLine(run, n)));
    }
  }

  #read(name: StreamName, line: number, text: string): void {
    const level = levelOf(text);
    const continues = this.#traces[name].continues(text);
    if (level === 0 && !continues) return;
    const row = this.store.stream(name).rows.get(line);
    this.store.classify(row, level, continues);
    this.counts[name][level]!++;
    if (level === 1) this.errors.add(row);
  }

  #count(row: number, name: StreamName, before: number, level: number): void {
    if (before > 0) this.counts[name][before]!--;
    this.counts[name][level]!++;
    if (level === 1) this.errors.add(row);
    else this.errors.delete(row);
    this.store.classify(row, level, this.store.continues(row));
  }
}
