// What crosses between the kernel and the page.
//
// Mirror of axon_notebook/widgets/protocol.py: the same names, fields and order;
// tests/widgets/test_protocol_mirror.py compares the two files.
//
// Rules:
// - The kernel pushes and never waits for the page: a busy kernel does not answer.
// - `ev`, `log` and `rev` messages are numbered (`batch`), so a hole is seen; what is
//   missing is asked for with `need` and comes back in `snap`, `log` or `rev` messages,
//   which do not advance the numbering.
// - An event's identity is its axon and its sequence, a log byte's is its offset in its stream,
//   a record's of a trace its number: what arrives twice is dropped by looking, not by counting.
// - `axon` is a place in the `axons` of a `stat`; an axon keeps its place for the epoch.
// - Raw event texts travel in `buffers[0]` as one JSON array, UTF-8; log bytes as they are.
// - Times are milliseconds since the Unix epoch, on the kernel's clock unless said otherwise.

/** Both say it; a page with another version is answered with "failed": reload the page. */
export const PROTOCOL_VERSION = 1;
/** The pump sends at most once in this time on average, and a few times at once after a silence. */
export const TICK_MS = 50;
/** A message is cut at this many events. */
export const BATCH_EVENTS = 1000;
/** A message is cut at this many bytes; the pump may grow it to BATCH_BYTES_BEHIND when behind. */
export const BATCH_BYTES = 262144;
export const BATCH_BYTES_BEHIND = 1048576;
/** A `stat` goes out at least this often; half as often where many feeds share a kernel. */
export const HEARTBEAT_MS = 5000;
/** After this time without a message the page says that the kernel is silent. */
export const SILENT_MS = 15000;
/** The page acknowledges at most once in this time, */
export const ACK_MS = 500;
/** once ACK_BYTES have come, and fewer bytes after ACK_LATE_MS: each answer costs the kernel more. */
export const ACK_BYTES = 65536;
export const ACK_LATE_MS = 4000;
/** Events in a `snap` with reason "head". */
export const HEAD_EVENTS = 50;

/** Inclusive: [first, last] sequence, or [first, last] byte offset. */
export type Range = [number, number];
/** Inclusive: [axon, first, last] sequence. */
export type AxonRange = [number, number, number];

/** Where the kernel stands with the source of the stream. */
export type StateName =
  | "connecting"
  | "replaying"
  | "live"
  | "reconnecting"
  | "paused"
  | "ended"
  | "failed";

export interface ConnectionState {
  name: StateName;
  /** replaying: events read so far. */
  done?: number;
  /** replaying: events to read until the stream is live. */
  total?: number;
  /** Why it is so, for people; of a live stream, that nothing comes. */
  reason?: string;
  /** failed: what the user can do about it. */
  way_out?: string;
  /** reconnecting: time until the next attempt, counted from `sent_ms`. */
  retry_in_ms?: number;
  /** reconnecting: number of the attempt to come, from 1. */
  attempt?: number;
}

/** A labelled divider: a reconnect, a restart, a word of the user. */
export interface Mark {
  /** The divider stands before this sequence. */
  sequence: number;
  label: string;
  at_ms: number;
}

// ---- kernel → page ------------------------------------------------------------------------

/** Every message of the kernel starts like this. */
export interface Header {
  /** Random per feed: another value means another stream with its own sequences. */
  epoch: string;
  /** `ev`, `log`, `rev`: number of this message, from 1 without holes. Others: the last one sent. */
  batch: number;
  sent_ms: number;
}

/** Events of one axon, `first` and those after it, in order. */
export interface EventsPart {
  axon: number;
  first: number;
  count: number;
  /** A digit per event: what it is about, as a place in KINDS. */
  kinds: string;
}

/** The next events of some axons; `buffers[0]` holds those of all parts, in their order. */
export interface EventsMessage extends Header {
  kind: "ev";
  parts: EventsPart[];
  /** The buffer is zlib data. */
  deflated: boolean;
}

/** Events out of turn: an answer to `need`, or the newest ones for a page that does not answer. */
export interface SnapMessage extends Header {
  kind: "snap";
  parts: EventsPart[];
  deflated: boolean;
  reason: "need" | "head";
  /** need: asked-for ranges that the feed no longer keeps. */
  missing: AxonRange[];
}

/** Spans of a timeline as they are after the changes `first` … `last`: JSON of a list. */
export interface SpansMessage extends Header {
  kind: "spans";
  first: number;
  last: number;
  /** The buffer is zlib data. */
  deflated: boolean;
}

/** Bytes of one stream that arrived together. */
export interface LogPart {
  stream: "stdout" | "stderr";
  offset: number;
  length: number;
  /** Arrival at the kernel, with fractions: over both streams, the order of arrival. */
  at_ms: number;
  /** Bytes directly before `offset` that can no longer be delivered. */
  missing: number;
}

/** Output of a command, in the order of arrival; `buffers[0]` holds the parts' bytes. */
export interface LogMessage extends Header {
  kind: "log";
  parts: LogPart[];
  deflated: boolean;
}

/** Records `first` … `first + count - 1` of a trace's log: the next ones, or an answer. */
export interface RevisionsMessage extends Header {
  kind: "rev";
  first: number;
  count: number;
  deflated: boolean;
}

/** The newest entries as they are after record `number`, for a page without the records. */
export interface EntriesMessage extends Header {
  kind: "entries";
  number: number;
  deflated: boolean;
}

/** Events that a page asked for with the command `raw`; a JSON array. */
export interface RawEventsMessage extends Header {
  kind: "raw";
  /** The command's `id`. */
  id: string;
  deflated: boolean;
}

/** How the stream of one axon stands. */
export interface AxonStat {
  id: string;
  /** Empty for none. */
  name: string;
  state: ConnectionState;
  /** The first sequence this viewer was asked to show. */
  start: number;
  head: number;
  /** Highest sequence that was sent in an `ev` or `snap`; 0 before the first. */
  pushed: number;
  /** The feed keeps `kept_from` … `kept_to`; both 0 while it is empty. */
  kept_from: number;
  kept_to: number;
  /** Events read from the server since the feed began. */
  received: number;
  /** Events the feed let go to stay within `max_bytes`. */
  dropped: number;
  /** Events the server could not deliver. */
  lost: number;
  /** The ranges behind `lost`, the newest 100. */
  gaps: Range[];
  /** Dividers, the newest 100. */
  marks: Mark[];
}

/** The heartbeat of an event feed; what it says replaces what the one before said. */
export interface StatMessage extends Header {
  kind: "stat";
  /** Of all streams together. */
  state: ConnectionState;
  axons: AxonStat[];
  /** Bytes in the feed. */
  bytes: number;
  max_bytes: number;
  /** A timeline: number of the newest change that was sent. */
  changes?: number;
  /** A timeline: the time of the newest event; 0 before the first. */
  newest_ms?: number;
}

/** A button of a page that the kernel could not carry out. */
export interface Refusal {
  /** What the page called it: the `id` in the command's value. */
  id: string;
  reason: string;
}

/** The heartbeat of an agent's chat. */
export interface ChatStatMessage extends Header {
  kind: "chatstat";
  state: ConnectionState;
  /** Number of the newest record that was sent in a `rev`. */
  pushed: number;
  /** Entries that the feed let go to stay within `max_bytes`. */
  dropped: number;
  /** Writing is not possible: a recording, or an axon without a session. */
  read_only: boolean;
  /** The newest 20. */
  refusals: Refusal[];
}

/** The heartbeat of an execution log. */
export interface LogStatMessage extends Header {
  kind: "logstat";
  state: ConnectionState;
  /** `queued`, `running` or `completed`. */
  status: string;
  exit_status: number | null;
  started_ms: number | null;
  ended_ms: number | null;
  /** Bytes per stream that the kernel has received, and the first offset it still keeps. */
  stdout_bytes: number;
  stderr_bytes: number;
  stdout_from: number;
  stderr_from: number;
  /** Offset behind the last byte that went out in a numbered `log`. */
  stdout_sent: number;
  stderr_sent: number;
  /** Bytes that could not be delivered. */
  lost: number;
  bytes: number;
  max_bytes: number;
  /** Why the last button failed; empty for nothing. */
  note: string;
}

/** The feed was closed; nothing follows. */
export interface ByeMessage extends Header {
  kind: "bye";
  reason: "closed" | "replaced" | "ended";
}

export type KernelMessage =
  | EventsMessage
  | SnapMessage
  | SpansMessage
  | LogMessage
  | RevisionsMessage
  | EntriesMessage
  | RawEventsMessage
  | StatMessage
  | ChatStatMessage
  | LogStatMessage
  | ByeMessage;

// ---- page → kernel: best effort, none is needed for the push --------------------------------

/** First message of a page, repeated until the kernel answers. */
export interface HelloMessage {
  kind: "hello";
  /** Random per page and model; acknowledgements are counted per page. */
  page: string;
  version: number;
  /** The epoch the page has events of; empty for none. */
  epoch: string;
  /** The page's `Date.getTimezoneOffset()`, for times of day in the filter. */
  tz_offset_min: number;
}

/** "I have every batch up to this one"; see ACK_MS. */
export interface AckMessage {
  kind: "ack";
  page: string;
  epoch: string;
  batch: number;
  /** Bytes of buffers taken in this epoch. */
  bytes: number;
}

/** Send these again, in this order (newest first). */
export interface NeedMessage {
  kind: "need";
  page: string;
  epoch: string;
  /** Logs and spans: which stream; events: the axon, as a number. */
  stream: string;
  ranges: Range[];
}

/** A button that the kernel has to carry out. */
export interface CommandMessage {
  kind: "cmd";
  page: string;
  name:
    | "retry"
    | "close"
    | "kill"
    | "stdin"
    | "stdin_eof"
    | "prompt"
    | "cancel"
    | "answer"
    | "set"
    | "authenticate"
    | "annotate"
    | "raw";
  /**
   * stdin: the text to write. Of a chat: JSON with an `id` of the page's choice; prompt: `text`,
   * and `files` with `name` and `data` (base64);
   * answer: `question`, `value`, and `durable` where a secret is sent; set: `setting` and `value`;
   * authenticate: `method`; raw: `ranges` of sequences; annotate: `target` (a sequence, or the id
   * of a call), `label`, `note`, `score`.
   */
  value: string;
}

/** Which events are selected in the viewer. */
export interface SelectMessage {
  kind: "select";
  page: string;
  epoch: string;
  /** By axon, then oldest first; at most 1000, `truncated` says that there were more. */
  ranges: AxonRange[];
  truncated: boolean;
}

export type PageMessage = HelloMessage | AckMessage | NeedMessage | CommandMessage | SelectMessage;

// ---- saved state ----------------------------------------------------------------------------

/** The deflated JSON in the `_snapshot` trait: what a viewer without a kernel shows. */
export interface Snapshot {
  version: number;
  taken_ms: number;
  /** True in an HTML file of its own. */
  file?: boolean;
  state: ConnectionState;
  axons: AxonStat[];
  /** The newest events, as the API has them; those of an axon oldest first. */
  events: EventRecord[];
  /** A digit per event, as in an `ev`. */
  kinds: string;
}

/** The same for an execution log. */
export interface LogSnapshot {
  version: number;
  taken_ms: number;
  /** True in an HTML file of its own. */
  file?: boolean;
  state: ConnectionState;
  status: string;
  exit_status: number | null;
  started_ms: number | null;
  ended_ms: number | null;
  stdout_bytes: number;
  stderr_bytes: number;
  /** The newest output, in order of arrival. */
  pieces: LogPiece[];
}

/** A part of a stream: `text` begins at byte `offset`. */
export interface LogPiece {
  stream: "stdout" | "stderr";
  offset: number;
  at_ms: number;
  text: string;
}

/** The same for an agent's chat. */
export interface ChatSnapshot {
  version: number;
  taken_ms: number;
  /** True in an HTML file of its own. */
  file?: boolean;
  state: ConnectionState;
  /** Earlier entries that are not saved. */
  dropped: number;
  /** The newest entries, in order; trace/model.ts has the fields of each kind. */
  entries: object[];
}

/** An event as the API sends it (`AxonEventView`). */
export interface EventRecord {
  sequence: number;
  axon_id: string;
  timestamp_ms: number;
  origin: string;
  source: string;
  event_type: string;
  payload: string;
}
