// Events folded into turns. Pure: the same events in the same order give the same conversation,
// on the way, after a reload, and from a snapshot.

import type { EventRecord } from "../kernel/protocol.ts";
import { AcpReader } from "./acp.ts";
import { ClaudeReader } from "./claude.ts";
import {
  type AskUpdate,
  type Diff,
  type Reader,
  read,
  type Step,
  type ToolUpdate,
  type Update,
  type Usage,
} from "./updates.ts";

export type Protocol = "acp" | "claude";

interface Piece {
  /** Grows with every change. */
  revision: number;
  startedMs: number;
  endedMs: number;
}

export interface Said extends Piece {
  kind: "text" | "thought" | "log";
  text: string;
}

export interface Tool extends Piece, Omit<ToolUpdate, "is"> {
  kind: "tool";
  /** What sort of tool: `read`, `edit`, `Bash` … */
  sort: string;
  title: string;
  /** `pending`, `in_progress`, `completed`, `failed`, or `stopped`: its turn ended before it. */
  status: string;
  text: string;
  diffs: Diff[];
}

export interface Plan extends Piece {
  kind: "plan";
  steps: Step[];
}

export interface Ask extends Piece, Omit<AskUpdate, "is"> {
  kind: "ask";
  /** `closed`: nobody can answer any more. */
  state: "open" | "answered" | "closed";
  /** Id of the chosen option; "" for cancelled. */
  answer: string;
  /** The call it is about is shown above, with its differences. */
  shown: boolean;
}

export interface Note extends Piece {
  kind: "notice";
  type: string;
  text: string;
  fatal: boolean;
}

export type Item = Said | Tool | Plan | Ask | Note;

export type TurnState = "queued" | "running" | "completed" | "failed";

export interface Turn extends Piece {
  kind: "turn";
  id: string;
  /** Sequence of the prompt, or of the start of a turn without one. */
  sequence: number;
  prompt: string | null;
  /** Who published the prompt. */
  source: string;
  state: TurnState;
  /** Why it ended, in the protocol's word. */
  reason: string;
  error: string;
  usage: Usage;
  items: Item[];
  /** Sequences of its events, growing. */
  events: number[];
}

export type Part = Turn | Note;

/** These may come after the end of their turn. */
const SAID_IN_TURNS = new Set<Update["is"]>(["text", "log", "tool", "plan", "ask", "usage"]);

export class Conversation {
  readonly parts: Part[] = [];
  readonly turns: Turn[] = [];
  /** The turn that runs. */
  running: Turn | null = null;
  /** Why the agent is gone; "" while it is there. */
  gone = "";
  agent = "";
  commands: { name: string; what: string }[] = [];

  readonly #reader: Reader;
  readonly #tools = new Map<string, { turn: Turn; tool: Tool }>();
  #queue: Turn[] = [];

  constructor(protocol: Protocol) {
    this.#reader = protocol === "claude" ? new ClaudeReader() : new AcpReader();
  }

  get questions(): Ask[] {
    const open = this.turns.slice(-50).flatMap((turn) => turn.items);
    return open.filter((item): item is Ask => item.kind === "ask" && item.state === "open");
  }

  get costUsd(): number | null {
    const costs = this.turns.flatMap(({ usage }) => usage.costUsd ?? []);
    return costs.length > 0 ? costs.reduce((sum, cost) => sum + cost, 0) : null;
  }

  /** Take the next event of the axon. */
  add(event: EventRecord): void {
    const updates = read(event, this.#reader);
    const before = this.running;
    for (const update of updates) this.#apply(update, event);
    if (updates.some(({ is }) => is === "prompt")) return;
    const late = updates.some(({ is }) => SAID_IN_TURNS.has(is)) ? this.#current : null;
    const turn = this.running ?? before ?? late;
    if (turn && turn.events.at(-1) !== event.sequence) turn.events.push(event.sequence);
  }

  /** The turn that is spoken of: the one that runs, or the last that ran (updates may be late). */
  get #current(): Turn | null {
    return this.running ?? this.turns.findLast(({ state }) => state !== "queued") ?? null;
  }

  /** The turn whose beginning nobody saw. */
  get #nameless(): Turn | null {
    const turn = this.#current;
    return turn?.id === "" ? turn : null;
  }

  #apply(update: Update, event: EventRecord): void {
    const at = event.timestamp_ms;
    switch (update.is) {
      case "prompt":
        this.#queue.push(this.#newTurn(event, update.text));
        return;
      case "started":
        this.#start(update.turnId, update.prompt, event);
        return;
      case "ended":
        this.#end(update, event);
        return;
      case "agent":
        this.agent = update.name;
        this.gone = "";
        return;
      case "commands":
        this.commands = update.commands;
        return;
      case "notice":
        this.#notice(update, at);
        return;
      case "answer":
        this.#answer(update.id, update.option, at);
        return;
    }
    // Whatever else is said is said in a turn; a stream that begins in the middle has none yet.
    const turn = this.#current ?? this.#newTurn(event, null);
    touch(turn, turn.state === "running" || turn.state === "queued" ? at : turn.endedMs);
    this.#inTurn(turn, update, at);
  }

  #inTurn(turn: Turn, update: Update, at: number): void {
    switch (update.is) {
      case "text":
        say(turn, update.thought ? "thought" : "text", update.text, at);
        return;
      case "log":
        say(turn, "log", `${update.text.replace(/\n$/, "")}\n`, at);
        return;
      case "tool":
        this.#use(turn, update, at);
        return;
      case "plan": {
        const known = turn.items.find((item): item is Plan => item.kind === "plan");
        const plan: Plan = known ?? { kind: "plan", steps: [], ...piece(at) };
        if (!known) turn.items.push(plan);
        plan.steps = update.steps;
        touch(plan, at);
        return;
      }
      case "ask":
        this.#ask(turn, update, at);
        return;
      case "usage":
        turn.usage = { ...turn.usage, ...known(update.usage) };
        return;
      case "refused":
        turn.error = update.error;
        return;
    }
  }

  #newTurn(event: EventRecord, prompt: string | null): Turn {
    const turn: Turn = {
      kind: "turn",
      id: "",
      sequence: event.sequence,
      prompt,
      source: event.source,
      state: prompt === null ? "completed" : "queued",
      reason: "",
      error: "",
      usage: {},
      items: [],
      events: [event.sequence],
      ...piece(event.timestamp_ms),
    };
    this.parts.push(turn);
    this.turns.push(turn);
    return turn;
  }

  #start(id: string, prompt: number | null, event: EventRecord): void {
    const asked = this.#queue.find(({ sequence }) => prompt === null || sequence === prompt);
    // A prompt before it in the queue was published when no broker was there to hear it.
    if (asked) this.#queue = this.#queue.filter(({ sequence }) => sequence > asked.sequence);
    const turn = asked ?? this.#newTurn(event, null);
    turn.id = id;
    turn.state = "running";
    turn.startedMs = event.timestamp_ms;
    touch(turn, event.timestamp_ms);
    this.running = turn;
    this.gone = "";
  }

  #end(update: Update & { is: "ended" }, event: EventRecord): void {
    const { turnId, error, reason } = update;
    const turn =
      this.turns.findLast(({ id }) => id === turnId && turnId !== "") ??
      this.running ??
      this.#nameless ??
      this.#newTurn(event, null);
    this.#close(turn, error === null ? "completed" : "failed", event.timestamp_ms);
    turn.reason = reason;
    turn.error = error ?? "";
    this.#queue = this.#queue.filter((queued) => queued !== turn);
  }

  #close(turn: Turn, state: TurnState, at: number): void {
    turn.state = state;
    if (this.running === turn) this.running = null;
    for (const item of turn.items) {
      if (item.kind === "ask" && item.state === "open") item.state = "closed";
      else if (item.kind === "tool" && isOpen(item.status)) item.status = "stopped";
      else continue;
      touch(item, at);
    }
    touch(turn, at);
  }

  #notice({ kind, text, fatal }: Update & { is: "notice" }, at: number): void {
    const note: Note = { kind: "notice", type: kind, text, fatal, ...piece(at) };
    const turn = this.running;
    if (turn) {
      turn.items.push(note);
      touch(turn, at);
    } else this.parts.push(note);
    if (kind === "devbox.running" || kind === "devbox.resumed") this.gone = "";
    if (!fatal) return;
    this.gone = text || kind;
    const waiting = [...(turn ? [turn] : []), ...this.#queue];
    this.#queue = [];
    for (const lost of waiting) {
      this.#close(lost, "failed", at);
      lost.error ||= "The agent was gone before it answered.";
    }
  }

  #use(turn: Turn, update: ToolUpdate, at: number): void {
    let entry = this.#tools.get(update.id);
    if (!entry) {
      const tool: Tool = {
        kind: "tool",
        id: update.id,
        sort: "",
        title: "",
        status: "pending",
        text: "",
        diffs: [],
        ...piece(at),
      };
      entry = { turn, tool };
      this.#tools.set(update.id, entry);
      turn.items.push(tool);
    }
    const { is: _, kind, ...news } = update;
    const wasOpen = isOpen(entry.tool.status);
    Object.assign(entry.tool, known(news));
    if (kind) entry.tool.sort = kind;
    touch(entry.tool, wasOpen ? at : entry.tool.endedMs);
    touch(entry.turn, entry.turn.state === "running" ? at : entry.turn.endedMs);
  }

  #ask(turn: Turn, { is: _, ...request }: AskUpdate, at: number): void {
    const tool = this.#tools.get(request.toolId)?.tool;
    const shown = tool !== undefined && (tool.diffs.length > 0 || request.diffs.length === 0);
    turn.items.push({ kind: "ask", ...request, state: "open", answer: "", shown, ...piece(at) });
  }

  #answer(id: string, option: string, at: number): void {
    const ask = this.questions.find((question) => id === "" || question.id === id);
    if (!ask) return; // a second answer: the first one counted
    ask.state = "answered";
    ask.answer = option;
    touch(ask, at);
    const turn = this.turns.findLast(({ items }) => items.includes(ask));
    if (turn) touch(turn, turn.state === "running" ? at : turn.endedMs);
  }
}

export function isOpen(status: string): boolean {
  return status === "pending" || status === "in_progress";
}

function say(turn: Turn, kind: Said["kind"], text: string, at: number): void {
  const last = turn.items.at(-1);
  const said: Said = last?.kind === kind ? last : { kind, text: "", ...piece(at) };
  if (said !== last) turn.items.push(said);
  said.text += text;
  touch(said, at);
}

function piece(at: number): Piece {
  return { revision: 0, startedMs: at, endedMs: at };
}

function touch(changed: Piece, at: number): void {
  changed.revision++;
  changed.endedMs = Math.max(changed.startedMs, at);
}

/** The fields that have a value. */
function known<T extends object>(fields: T): Partial<T> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<T>;
}
