// The entries of a trace as a conversation: turns with their items, tool calls with what happened
// in them, and what happened outside of all turns.

import type { Trace } from "./fold.ts";
import type { Annotation, Entry, Question, Session, Tool, Turn } from "./model.ts";

/** A turn and its items. `turn` is null while only items of it are here. */
export interface Group {
  turn: Turn | null;
  id: string;
  items: Entry[];
}

export type OutlinePart = Group | Entry;

export const isGroup = (part: OutlinePart): part is Group => "items" in part;

/** The turn id of what happened outside of all turns begins so: `Builder.place` in Python. */
const OUTSIDE = "outside-";

export class Outline {
  readonly parts: OutlinePart[] = [];
  readonly turns: Turn[] = [];
  session: Session | null = null;

  readonly #groups = new Map<string, Group>();
  /** Groups that are among the parts. */
  readonly #placed = new Set<Group>();
  readonly #children = new Map<string, Entry[]>();
  readonly #calls = new Map<string, Tool>();
  readonly #questions: Question[] = [];
  readonly #annotations = new Map<number, Annotation[]>();
  #orphans = new Set<string>();
  #trace: Trace | null = null;
  #structure = 0;
  #seen = 0;

  /** Take in what is new; all of it again where something moved. */
  update(trace: Trace): void {
    if (trace !== this.#trace || trace.structure !== this.#structure) this.#clear(trace);
    for (; this.#seen < trace.entries.length; this.#seen++) {
      const entry = trace.entries[this.#seen];
      if (!entry) continue;
      if (entry.kind === "tool" && entry.call_id && this.#orphans.has(entry.call_id)) {
        // What happened in this call came before it: from now on it has a place.
        trace.structure++;
        this.#orphans.delete(entry.call_id);
        this.update(trace);
        return;
      }
      this.#add(entry);
    }
  }

  /** What happened in a tool call: the work of a subagent. */
  childrenOf(callId: string): readonly Entry[] {
    return this.#children.get(callId) ?? [];
  }

  call(callId: string): Tool | undefined {
    return this.#calls.get(callId);
  }

  /** What was judged of an entry, and not taken back. */
  annotationsOf(id: number): Annotation[] {
    return (this.#annotations.get(id) ?? []).filter(({ status }) => status !== "retracted");
  }

  get running(): Turn | null {
    return this.turns.findLast(({ status }) => status === "running") ?? null;
  }

  get openQuestions(): Question[] {
    return this.#questions.filter(({ status }) => status === "open");
  }

  #clear(trace: Trace): void {
    if (trace !== this.#trace) {
      this.#groups.clear();
      this.#orphans.clear();
    }
    this.#trace = trace;
    this.#structure = trace.structure;
    this.#seen = 0;
    this.session = null;
    // Groups stay the same objects: they have views.
    for (const group of this.#groups.values()) group.items = [];
    for (const list of [this.parts, this.turns, this.#questions]) list.length = 0;
    this.#placed.clear();
    this.#children.clear();
    this.#calls.clear();
    this.#annotations.clear();
    for (const entry of trace.entries)
      if (entry?.kind === "tool" && entry.call_id) this.#calls.set(entry.call_id, entry);
  }

  #add(entry: Entry): void {
    if (entry.kind === "session") {
      this.session = entry;
      return;
    }
    if (entry.kind === "annotation" && entry.target) {
      const others = this.#annotations.get(entry.target);
      if (others) others.push(entry);
      else this.#annotations.set(entry.target, [entry]);
      return;
    }
    if (entry.kind === "question") this.#questions.push(entry);
    if (entry.kind === "tool" && entry.call_id) this.#calls.set(entry.call_id, entry);
    if (entry.kind === "turn") {
      this.turns.push(entry);
      this.#group(entry.turn_id).turn = entry;
      return;
    }
    const { parent_id: parent, turn_id: turn } = entry;
    if (parent && this.#calls.has(parent) && !this.#isInside(entry, parent)) {
      const siblings = this.#children.get(parent);
      if (siblings) siblings.push(entry);
      else this.#children.set(parent, [entry]);
      return;
    }
    if (parent && !this.#calls.has(parent)) this.#orphans.add(parent);
    if (turn && !turn.startsWith(OUTSIDE)) this.#group(turn).items.push(entry);
    else this.parts.push(entry);
  }

  /** A call that is its own ancestor stays in the main text. */
  #isInside(entry: Entry, parent: string): boolean {
    if (entry.kind !== "tool") return false;
    let at: string | undefined = parent;
    for (let depth = 0; at && depth < 32; depth++) {
      if (at === entry.call_id) return true;
      at = this.#calls.get(at)?.parent_id;
    }
    return at !== undefined && at !== "";
  }

  #group(id: string): Group {
    let group = this.#groups.get(id);
    if (!group) {
      group = { turn: null, id, items: [] };
      this.#groups.set(id, group);
    }
    if (!this.#placed.has(group)) this.parts.push(group);
    this.#placed.add(group);
    return group;
  }
}
