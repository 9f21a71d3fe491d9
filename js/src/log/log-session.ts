// What one log model knows: the output and the command's state.

import type { Channel, Hole } from "../kernel/connection.ts";
import { type KernelFacts, KernelSession } from "../kernel/kernel-facts.ts";
import type { KernelMessage, LogMessage, LogSnapshot, LogStatMessage } from "../kernel/protocol.ts";
import { Classifier } from "./entries.ts";
import { Intake } from "./intake.ts";
import { type Job, Jobs, READING } from "./jobs.ts";
import { type LogStore, STREAMS, type StreamName } from "./output-store.ts";

/** A hole that was not filled in this time is not waited for any longer. */
const GIVE_UP_MS = 30_000;
const RATE_MS = 2000;
/** Earlier output of at most this size is loaded without being asked for. */
const LOAD_BYTES = 2_000_000;
const READ_MS = 8;
const CLASSIFY_MS = 4;

/** Everything the status is made from. */
export interface Facts extends KernelFacts {
  stat: LogStatMessage | null;
  /** How long the command has been running, or ran; null while that is not known. */
  ranMs: number | null;
}

export class LogSession extends KernelSession<LogStatMessage> {
  readonly intake = new Intake();
  classifier = new Classifier(this.intake.store);

  readonly jobs: Jobs;

  readonly #reading: Job = { urgency: READING, slice: () => this.#read() };
  readonly #rates: [number, number][] = [];
  #generation = this.intake.generation;
  /** Since when something is missing that is not earlier output. */
  #holeSince = 0;
  #killed = false;

  constructor(channel: Channel, signal: AbortSignal, now: () => number = () => performance.now()) {
    super(now);
    this.jobs = new Jobs(signal);
    this.connect(channel, signal);
  }

  get store(): LogStore {
    return this.intake.store;
  }

  get facts(): Facts {
    return { ...this.kernelFacts, stat: this.stat, ranMs: this.#ranMs() };
  }

  /** The command still runs, as far as this page knows. */
  get running(): boolean {
    const { stat, snapshotTaken, bye, isGone } = this;
    return stat?.status === "running" && snapshotTaken === null && bye === null && !isGone;
  }

  /** The command has ended, and what it printed is in lines. */
  get settled(): boolean {
    return this.stat?.status === "completed" && this.jobs.idle;
  }

  /** The user asked to end the command, and it has not ended. */
  get killing(): boolean {
    return this.#killed && this.running;
  }

  /** Rows per second over the last two seconds. */
  get rate(): number {
    const now = this.now();
    const oldest = this.#rates.find(([at]) => at >= now - RATE_MS - 500);
    const newest = this.#rates.at(-1);
    if (!oldest || !newest || newest[0] < now - RATE_MS) return 0;
    return (Math.max(0, this.store.rows - oldest[1]) * 1000) / RATE_MS;
  }

  /** Bytes that the kernel keeps and this page does not have in front of what it has. */
  get earlier(): number {
    const { stat, intake } = this;
    if (!stat || this.snapshotTaken !== null) return 0;
    const before = (name: StreamName) => {
      const first = intake.first(name);
      return Math.max(0, first - (name === "stdout" ? stat.stdout_from : stat.stderr_from));
    };
    return STREAMS.reduce((sum, name) => sum + before(name), 0);
  }

  /** Bytes in front that are no longer kept. */
  get gone(): number {
    const { stat, intake } = this;
    if (!stat) return 0;
    return (
      Math.min(intake.first("stdout"), stat.stdout_from) +
      Math.min(intake.first("stderr"), stat.stderr_from)
    );
  }

  /** Ask for everything before the first byte that the kernel keeps. */
  loadEarlier(): void {
    const { stat, intake } = this;
    if (!stat) return;
    intake.want("stdout", stat.stdout_from);
    intake.want("stderr", stat.stderr_from);
    this.conn.tick();
  }

  kill(): void {
    this.#killed = true;
    this.conn.command("kill");
    this.changed();
  }

  send(text: string): void {
    this.conn.command("stdin", text);
  }

  endInput(): void {
    this.conn.command("stdin_eof");
  }

  /** What is left to do with each frame, unless more is waited for; true when that is all. */
  work(): boolean {
    return this.jobs.idle ? this.classifier.step(CLASSIFY_MS) : this.classifier.complete;
  }

  // ---- Receiver ---------------------------------------------------------------------------

  epoch(_epoch: string, previous: string): void {
    if (previous !== "" || this.snapshotTaken !== null) this.intake.clear();
    this.begin();
    this.#killed = false;
  }

  protected receive(message: KernelMessage, bytes: Uint8Array): void {
    if (message.kind === "log") this.#takeLog(message, bytes);
    if (message.kind === "logstat") this.#takeStat(message);
    this.#finish();
    this.#startReading();
  }

  holes(): Hole[] {
    if (this.isOver) return [];
    this.#giveUp();
    return STREAMS.map((stream) => ({ stream, ranges: this.#missing(stream) }));
  }

  // ---- other sources ----------------------------------------------------------------------

  /** Show what was saved with the notebook. */
  load(snapshot: LogSnapshot): void {
    if (this.conn.answered) return;
    const encoder = new TextEncoder();
    for (const { stream, offset, text, at_ms } of snapshot.pieces)
      this.intake.take(stream, offset, encoder.encode(text), at_ms, offset);
    for (const name of STREAMS) this.intake.finish(name);
    this.intake.step(Number.POSITIVE_INFINITY);
    this.showSnapshot(snapshot, statOf(snapshot));
  }

  #takeLog({ parts }: LogMessage, bytes: Uint8Array): void {
    let at = 0;
    for (const { stream, offset, length, at_ms, missing } of parts) {
      this.intake.take(stream, offset, bytes.subarray(at, at + length), at_ms, missing);
      at += length;
    }
  }

  /** A little is read at once, so that it is there with the next frame. */
  #startReading(): void {
    if (!this.#read()) this.jobs.start(this.#reading);
  }

  /** Lines out of some of what came; true when that was all. */
  #read(): boolean {
    const done = this.intake.step(READ_MS);
    if (this.#generation !== this.intake.generation) {
      this.#generation = this.intake.generation;
      this.classifier = new Classifier(this.store);
    }
    const now = this.now();
    this.#rates.push([now, this.store.rows]);
    while (this.#rates[0] && this.#rates[0][0] < now - RATE_MS * 2) this.#rates.shift();
    this.changed();
    return done;
  }

  #takeStat(stat: LogStatMessage): void {
    this.keepStat(stat);
    for (const name of STREAMS) this.#startLate(name, stat);
    if (this.earlier > 0 && this.earlier <= LOAD_BYTES && !this.intake.loading) this.loadEarlier();
  }

  /** Output that was sent before this page was there is earlier output; the newest comes at once. */
  #startLate(name: StreamName, stat: LogStatMessage): void {
    const sent = sentTo(stat, name);
    if (sent === 0 || this.intake.started(name)) return;
    const from = name === "stdout" ? stat.stdout_from : stat.stderr_from;
    this.intake.start(name, sent);
    this.intake.want(name, Math.max(from, sent - LOAD_BYTES));
  }

  /** Bytes missing in a stream: holes, and what was sent and never came. */
  #missing(stream: StreamName): [number, number][] {
    const { stat, intake } = this;
    const holes = intake.holes(stream);
    if (!stat || intake.waits(stream)) return holes;
    const sent = sentTo(stat, stream);
    const next = intake.next(stream);
    return sent > next ? [[next, sent - 1], ...holes] : holes;
  }

  #giveUp(): void {
    const open = STREAMS.filter((name) => this.intake.waits(name));
    if (open.length === 0) this.#holeSince = 0;
    else if (this.#holeSince === 0) this.#holeSince = this.now();
    else if (this.now() - this.#holeSince > GIVE_UP_MS) {
      for (const name of open) this.intake.giveUp(name);
      this.#holeSince = 0;
      this.#startReading();
    }
  }

  /** The command has ended and every byte is here: the last lines are final. */
  #finish(): void {
    const { stat, intake } = this;
    if (stat?.status !== "completed") return;
    if (intake.next("stdout") >= stat.stdout_bytes) intake.finish("stdout");
    if (intake.next("stderr") >= stat.stderr_bytes) intake.finish("stderr");
  }

  #ranMs(): number | null {
    const { stat } = this;
    if (!stat || stat.started_ms === null) return null;
    if (stat.ended_ms !== null) return stat.ended_ms - stat.started_ms;
    if (stat.status !== "running" || this.kernelNow === 0) return null;
    return this.kernelNow - stat.started_ms;
  }
}

function sentTo(stat: LogStatMessage, stream: StreamName): number {
  return stream === "stdout" ? stat.stdout_sent : stat.stderr_sent;
}

function statOf(snapshot: LogSnapshot): LogStatMessage {
  return {
    kind: "logstat",
    epoch: "",
    batch: 0,
    sent_ms: snapshot.taken_ms,
    state: snapshot.state,
    status: snapshot.status,
    exit_status: snapshot.exit_status,
    started_ms: snapshot.started_ms,
    ended_ms: snapshot.ended_ms,
    stdout_bytes: snapshot.stdout_bytes,
    stderr_bytes: snapshot.stderr_bytes,
    stdout_from: 0,
    stderr_from: 0,
    stdout_sent: snapshot.stdout_bytes,
    stderr_sent: snapshot.stderr_bytes,
    lost: 0,
    bytes: 0,
    max_bytes: 0,
    note: "",
  };
}
