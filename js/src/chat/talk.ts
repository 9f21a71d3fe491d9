// What one chat knows: the events (as every viewer of events), the turns they make, and what was
// sent from this page and is not among the events yet. Independent of any DOM.

import { Session } from "../events/event-session.ts";
import { CHUNK } from "../events/event-store.ts";
import type { Channel } from "../kernel/connection.ts";
import type { ChatStatMessage, EventRecord } from "../kernel/protocol.ts";
import { type Ask, Conversation, type Protocol } from "./conversation.ts";

/** A prompt on its way to the axon. */
export interface Sent {
  id: string;
  text: string;
  at: number;
  /** Newest position when it was sent: its event comes after. */
  after: number;
  /** Why the kernel could not publish it; "" so far. */
  error: string;
}

export class Talk {
  readonly events: Session;
  conversation: Conversation;
  sent: Sent[] = [];
  /** Why the last stop or answer failed; "" for nothing. */
  trouble = "";
  /** What is being written; outlives the views. */
  draft = "";
  /** Answers on their way, by the request's id. */
  readonly answering = new Map<string, string>();
  stopping = 0;

  #next = 0;
  #reordered = -1;
  #refused = new Set<string>();
  #turns = 0;
  #numbers = 0;

  constructor(
    channel: Channel,
    readonly protocol: Protocol,
    signal: AbortSignal,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.conversation = new Conversation(protocol);
    this.events = new Session(channel, signal, now);
  }

  /** Whether somebody can hear what is written here. */
  get canSend(): boolean {
    const { facts } = this.events;
    const here = facts.heard && !facts.gone && facts.bye === null && facts.snapshot === null;
    return here && !facts.error && facts.stat?.state.name !== "failed";
  }

  prompt(text: string): void {
    const id = this.#id();
    const after = this.events.store.newest;
    this.sent.push({ id, text, at: this.now(), after, error: "" });
    this.events.conn.command("prompt", JSON.stringify({ id, text }));
  }

  stop(): void {
    const { running } = this.conversation;
    if (!running) return;
    this.stopping = running.sequence;
    this.trouble = "";
    this.events.conn.command("cancel", JSON.stringify({ id: this.#id() }));
  }

  answer(ask: Ask, option: string): void {
    this.answering.set(ask.id, option);
    this.trouble = "";
    this.events.conn.command("permit", JSON.stringify({ id: this.#id(), request: ask.id, option }));
  }

  forget(sent: Sent): void {
    this.sent = this.sent.filter((other) => other !== sent);
  }

  /** Take in what came since the last call. */
  update(): void {
    const { store, reordered } = this.events;
    if (reordered !== this.#reordered) {
      // Events came between others: the story is told again from its beginning.
      this.conversation = new Conversation(this.protocol);
      this.#reordered = reordered;
      this.#next = store.epochStart;
      this.#turns = 0;
    }
    for (const key of store.keys) {
      const base = key * CHUNK;
      if (base + CHUNK <= this.#next) continue;
      const { end } = store.chunks.get(key)!;
      for (let slot = Math.max(0, this.#next - base); slot < end; slot++) {
        const event = store.get(base + slot);
        if (event) this.conversation.add(event);
      }
      this.#next = Math.max(this.#next, base + end);
    }
    this.#settle();
  }

  /** The events of a turn, as they were published. */
  eventsOf(sequences: readonly number[]): EventRecord[] {
    const { store } = this.events;
    return sequences.flatMap((sequence) => store.get(store.position(sequence)) ?? []);
  }

  /** What has become of the things that were sent. */
  #settle(): void {
    const { turns, questions } = this.conversation;
    const { store } = this.events;
    for (const turn of turns.slice(this.#turns)) {
      const at = this.sent.findIndex(
        ({ text, after }) => text === turn.prompt && store.position(turn.sequence) > after,
      );
      if (at >= 0) this.sent.splice(at, 1);
    }
    this.#turns = turns.length;
    for (const id of this.answering.keys())
      if (!questions.some((ask) => ask.id === id)) this.answering.delete(id);
    const stat = this.events.stat as Partial<ChatStatMessage> | null;
    for (const { id, reason } of stat?.refusals ?? []) this.#refuse(id, reason);
  }

  #refuse(id: string, reason: string): void {
    if (this.#refused.has(id)) return;
    this.#refused.add(id);
    if (!id.startsWith(this.events.conn.page)) return; // another page's
    const sent = this.sent.find((one) => one.id === id);
    if (sent) sent.error = reason;
    else {
      this.trouble = reason;
      this.answering.clear();
      this.stopping = 0;
    }
  }

  #id(): string {
    return `${this.events.conn.page}-${++this.#numbers}`;
  }
}
