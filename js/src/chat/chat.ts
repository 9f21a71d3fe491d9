// What all views of one chat share: the trace, and what was sent from this page and is not among
// its entries yet. Independent of any DOM.

import type { Json } from "../base/json.ts";
import type { Channel } from "../kernel/connection.ts";
import type { Trace } from "../trace/fold.ts";
import type { Question, Setting } from "../trace/model.ts";
import { isGroup, Outline, type OutlinePart } from "../trace/outline.ts";
import { TraceSession } from "../trace/trace-session.ts";
import type { Judgement } from "../ui/annotation-box.ts";
import type { FileData } from "../ui/attaching.ts";

/** A prompt on its way to the axon. */
export interface Sent {
  id: string;
  text: string;
  files: readonly FileData[];
  at: number;
  /** The newest event when it was sent: its own comes after. */
  after: number;
  /** Why the kernel could not publish it; "" so far. */
  error: string;
}

export class Chat {
  readonly session: TraceSession;
  readonly outline = new Outline();
  sent: Sent[] = [];
  /** Why the last stop, switch or answer failed; "" for nothing. */
  trouble = "";
  /** What is being written; outlives the views. */
  draft = "";
  /** Ids of questions whose answers are on their way. */
  readonly answering = new Set<string>();
  /** The newest event that is shown; null for all, as they come. */
  asOf: number | null = null;
  /** Id of the turn that is being stopped. */
  stopping = 0;

  readonly #refused = new Set<string>();
  #turns = 0;

  constructor(
    channel: Channel,
    signal: AbortSignal,
    /** Sequence of the prompt whose turn is shown alone; 0 for the whole conversation. */
    readonly turn = 0,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.session = new TraceSession(channel, signal, now);
  }

  /** Whether what is written here reaches a kernel. */
  get canSend(): boolean {
    const { facts } = this.session;
    const isHere = facts.answered && !facts.gone && facts.bye === null && facts.snapshot === null;
    return isHere && !facts.error && facts.stat?.state.name !== "failed" && !this.isReadOnly;
  }

  /** A recording, an axon without a session, a snapshot, or the past: nothing can be written. */
  get isReadOnly(): boolean {
    return this.asOf !== null || (this.session.stat?.read_only ?? false);
  }

  /** What is shown: all of it, or as of a moment; a snapshot has no other moments. */
  get trace(): Trace {
    const { asOf, session } = this;
    return (asOf === null ? null : session.asOf(asOf)) ?? session.trace;
  }

  /** Whether a judgement can be published: there is a kernel, and an axon. */
  get canAnnotate(): boolean {
    const { facts } = this.session;
    return facts.answered && !facts.gone && facts.bye === null && facts.snapshot === null;
  }

  /** What is shown, in order. */
  get parts(): readonly OutlinePart[] {
    const { parts } = this.outline;
    if (this.turn === 0) return parts;
    return parts.filter((part) => isGroup(part) && part.turn?.prompt_sequence === this.turn);
  }

  prompt(text: string, files: readonly FileData[] = []): void {
    const id = this.session.command("prompt", { text, ...(files.length > 0 && { files }) });
    const after = this.session.trace.sequence;
    this.sent.push({ id, text, files, at: this.now(), after, error: "" });
  }

  stop(): void {
    const { running } = this.outline;
    if (!running) return;
    this.stopping = running.id;
    this.trouble = "";
    this.session.command("cancel", {});
  }

  /** `false` declines; `durable` says that a secret may become an event. */
  answer(question: Question, value: Json, durable: boolean): void {
    const id = question.question_id ?? "";
    this.answering.add(id);
    this.trouble = "";
    this.session.command("answer", { question: id, value, ...(durable && { durable }) });
  }

  set(setting: Setting, value: Json): void {
    this.trouble = "";
    this.session.command("set", { setting: setting.id || setting.name, value });
  }

  authenticate(method: string): void {
    this.trouble = "";
    this.session.command("authenticate", { method });
  }

  /** Publish a judgement on an event, or on a tool call by its id. */
  annotate(target: number | string, made: Judgement): void {
    this.trouble = "";
    const { label, note, score } = made;
    this.session.command("annotate", { target, label, note, ...(score !== null && { score }) });
  }

  retract(annotation: number): void {
    this.trouble = "";
    this.session.command("annotate", { retracts: annotation });
  }

  forget(sent: Sent): void {
    this.sent = this.sent.filter((other) => other !== sent);
  }

  /** Take in what came since the last call. */
  update(): void {
    const { outline, session } = this;
    outline.update(this.trace);
    if (this.asOf !== null) return;
    if (outline.turns.length < this.#turns) this.#turns = 0;
    for (const turn of outline.turns.slice(this.#turns)) {
      const at = this.sent.findIndex(
        // A text file that is attached can become a part of the text.
        ({ text, after }) => turn.text.startsWith(text) && turn.first_sequence > after,
      );
      if (at >= 0) this.sent.splice(at, 1);
    }
    this.#turns = outline.turns.length;
    for (const id of this.answering)
      if (!outline.openQuestions.some(({ question_id }) => question_id === id))
        this.answering.delete(id);
    for (const { id, reason } of session.stat?.refusals ?? []) this.#refuse(id, reason);
  }

  #refuse(id: string, reason: string): void {
    if (this.#refused.has(id)) return;
    this.#refused.add(id);
    if (!id.startsWith(this.session.conn.page)) return; // another page's
    const sent = this.sent.find((one) => one.id === id);
    if (sent) sent.error = reason;
    else {
      this.trouble = reason;
      this.answering.clear();
      this.stopping = 0;
    }
  }
}
