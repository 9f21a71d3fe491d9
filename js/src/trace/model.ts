// The entries of a trace, as the kernel sends them.
//
// Mirror of axon_notebook/agents/model.py, agents/parts.py and widgets/markdown.py: the same names;
// tests/widgets/test_trace_mirror.py compares the files. What a record leaves out is at its
// default. Every text is untrusted.

import type { Json } from "../base/json.ts";

/** One change of one entry, caused by the event `sequence`. */
export interface Revision {
  entry: number;
  revision: number;
  sequence: number;
  at_ms?: number;
  append?: string;
  state?: Partial<Entry>;
}

/** The Markdown of an entry's text: blocks `from` and on are these now. */
export interface BlocksRecord {
  entry: number;
  from: number;
  blocks: Block[];
}

/** A record of the log; null was replaced by a later one, or is not kept any more. */
export type Record = Revision | BlocksRecord | null;

// ---- contents ------------------------------------------------------------------------------

export interface Text {
  type: "text";
  text: string;
}

export interface Image {
  type: "image";
  mime?: string;
  /** Base64. */
  data?: string;
  uri?: string;
}

export interface Audio {
  type: "audio";
  mime?: string;
  data?: string;
}

export interface Resource {
  type: "resource";
  uri?: string;
  mime?: string;
  text?: string | null;
  blob?: string | null;
}

export interface Link {
  type: "link";
  uri?: string;
  title?: string;
  description?: string;
  mime?: string;
  size?: number | null;
}

export interface Diff {
  type: "diff";
  path?: string;
  /** null: the file is new. */
  old?: string | null;
  new?: string;
  /** Unified hunks, in place of `old` and `new`. */
  patch?: string;
  change?: string;
  move_path?: string;
}

export interface Terminal {
  type: "terminal";
  text?: string;
  exit_code?: number | null;
  signal?: string;
  truncated?: boolean;
  id?: string;
}

export interface Unknown {
  type: "unknown";
  raw?: Json;
}

export type Part = Text | Image | Audio | Resource | Link | Diff | Terminal | Unknown;

export interface Usage {
  input?: number | null;
  output?: number | null;
  cache_read?: number | null;
  cache_write?: number | null;
  thought?: number | null;
}

export interface Step {
  text?: string;
  status?: string;
  priority?: string;
  id?: string;
}

export interface Location {
  path?: string;
  line?: number | null;
}

export interface Option {
  id?: string;
  name?: string;
  kind?: string;
  /** Where the rule of an "always" is kept. */
  stored?: string;
}

export interface Choice {
  value?: string;
  label?: string;
  description?: string;
  preview?: string;
}

export interface Field {
  id?: string;
  title?: string;
  description?: string;
  type?: string;
  choices?: Choice[];
  required?: boolean;
  default?: Json;
  free_text?: boolean;
  format?: string;
  pattern?: string;
  minimum?: number | null;
  maximum?: number | null;
  secret?: boolean;
}

export interface Command {
  name?: string;
  description?: string;
  hint?: string;
}

export interface Setting {
  id?: string;
  name?: string;
  category?: string;
  type?: string;
  value?: Json;
  choices?: Choice[];
}

// ---- entries -------------------------------------------------------------------------------

interface EntryFields {
  id: number;
  turn_id: string;
  parent_id: string;
  session: string;
  title: string;
  status: string;
  parts: Part[];
  revision: number;
  first_sequence: number;
  last_sequence: number;
  started_ms: number;
  ended_ms: number | null;
  /** Sequences of its events: first, last, first, last, …. */
  ranges: number[];
  text: string;
  /** The Markdown of `text`, as far as the kernel has parsed it. */
  blocks: Block[];
  /** Of the page: grows with every change. */
  changes: number;
}

export interface Turn extends EntryFields {
  kind: "turn";
  prompt_sequence?: number | null;
  source?: string;
  origin?: string;
  stop_reason?: string;
  error?: string;
  running_ms?: number | null;
  begun_sequence?: number | null;
  first_output_ms?: number | null;
  usage?: Usage;
  cost?: number | null;
  currency?: string;
}

export interface Message extends EntryFields {
  kind: "message";
  role?: string;
}

export interface Tool extends EntryFields {
  kind: "tool";
  call_id?: string;
  name?: string;
  tool_kind?: string;
  input?: Json;
  raw_output?: Json;
  error?: string;
  locations?: Location[];
  permission?: string;
  asked_ms?: number | null;
  permitted_ms?: number | null;
  waited_ms?: number | null;
  exit_status?: number | null;
  progress?: string;
}

export interface Plan extends EntryFields {
  kind: "plan";
  key?: string;
  steps?: Step[];
}

export interface Question extends EntryFields {
  kind: "question";
  question_id?: string;
  question_kind?: string;
  call_id?: string;
  options?: Option[];
  fields?: Field[];
  input?: Json;
  url?: string;
  answer?: Json;
  answered_by?: string;
  answered_ms?: number | null;
  background?: boolean;
  deadline_ms?: number | null;
  secret?: boolean;
}

export interface Notice extends EntryFields {
  kind: "notice";
  notice_kind?: string;
  level?: string;
  detail?: string;
  count?: number;
  key?: string;
  fatal?: boolean;
}

export interface Session extends EntryFields {
  kind: "session";
  protocol?: string;
  agent?: string;
  version?: string;
  model?: string;
  mode?: string;
  settings?: Setting[];
  commands?: Command[];
  context_used?: number | null;
  context_size?: number | null;
  cost?: number | null;
  currency?: string;
  auth_methods?: Json[];
  accepts?: string[];
  gone?: string;
}

export interface Annotation extends EntryFields {
  kind: "annotation";
  /** Id of the entry that it is about. */
  target?: number;
  target_sequence?: number | null;
  call_id?: string;
  name?: string;
  label?: string;
  score?: number | null;
  annotator?: string;
}

export type Entry = Turn | Message | Tool | Plan | Question | Notice | Session | Annotation;

// ---- Markdown ------------------------------------------------------------------------------

export interface Node {
  kind: string;
  children?: Child[];
  href?: string;
  host?: string;
  /** pre: the language; token: its class; th, td: `center` or `right`. */
  name?: string;
  start?: number;
}

export type Child = Node | string;

export interface Block {
  /** Where its source ends in the text, in UTF-16 units. */
  end: number;
  node: Node;
}
