// The page's end of the wire: epochs, batch numbers, acknowledgements, holes, silence.
//
// Generic over what is carried: a receiver takes the messages and says what is missing.
// Nothing here waits for the kernel; every message of the page is best effort.

import type { AnyModel } from "@anywidget/types";
import {
  ACK_BYTES,
  ACK_LATE_MS,
  ACK_MS,
  type CommandMessage,
  type KernelMessage,
  type NeedMessage,
  type PageMessage,
  PROTOCOL_VERSION,
  type Range,
  SILENT_MS,
} from "./protocol.ts";

/** What a `need` asks for. */
export interface Hole {
  stream: NeedMessage["stream"];
  /** Newest first. */
  ranges: Range[];
}

export interface Receiver {
  /** A stream begins; `previous` is empty for the first one of this page. */
  epoch(epoch: string, previous: string): void;
  /** In order of arrival; `bytes` is inflated already. */
  take(message: KernelMessage, bytes: Uint8Array): void;
  /** What is missing now. Called after messages and from a timer, so keep it cheap. */
  holes(): Hole[];
  /** The kernel stopped answering, or answers again. */
  silent(silent: boolean): void;
}

/** Where messages come from and go to: a widget model, or the demo's simulated kernel. */
export interface Channel {
  send(message: PageMessage): void;
  listen(take: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void;
}

/** Their batches have no holes. */
const NUMBERED = new Set(["ev", "log", "rev", "spans"]);
const KINDS = new Set([
  ...NUMBERED,
  "snap",
  "entries",
  "raw",
  "stat",
  "chatstat",
  "logstat",
  "bye",
]);
const HELLO_MS = 1000;
const NEED_MS = 1000;
const NEED_LIMIT_MS = 8000;
const NEED_RANGES = 8;

/** `gone` is called for each message that the host refuses: the comm is dead. */
export function modelChannel(model: AnyModel, signal: AbortSignal, gone: () => void): Channel {
  return {
    send(message) {
      try {
        model.send(message);
      } catch {
        gone();
      }
    },
    listen(take) {
      const handler = (content: unknown, buffers: DataView[]) => take(content, buffers);
      model.on("msg:custom", handler);
      signal.addEventListener("abort", () => model.off("msg:custom", handler), { once: true });
    },
  };
}

export class Conn {
  readonly page = randomId();
  epoch = "";
  /** Highest batch up to which nothing is missing, as far as batches tell. */
  batch = 0;
  bytes = 0;
  /** Batches that never came; their content is asked for by sequence or offset. */
  missedBatches = 0;
  answered = false;
  closed = false;

  #lastHeard: number;
  #silent = false;
  #ackedAt = Number.NEGATIVE_INFINITY;
  #ackedBytes = 0;
  #ackDue = false;
  #helloAt = Number.NEGATIVE_INFINITY;
  #helloWait = HELLO_MS;
  #needAt = Number.NEGATIVE_INFINITY;
  #needWait = NEED_MS;
  #asked = "";
  /** Inflating is asynchronous; once it began, order is kept by this chain. */
  #queue: Promise<void> | null = null;

  constructor(
    readonly channel: Channel,
    private readonly receiver: Receiver,
    signal: AbortSignal,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#lastHeard = now();
    channel.listen((content, buffers) => this.#arrive(content, buffers));
    const timer = setInterval(() => this.tick(), ACK_MS);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    this.hello();
  }

  /** What is due: a repeated hello, an acknowledgement, a request for what is missing. */
  tick(): void {
    const now = this.now();
    if (!this.answered && now - this.#helloAt >= this.#helloWait) {
      this.#helloWait = Math.min(this.#helloWait * 2, NEED_LIMIT_MS);
      this.hello();
    }
    this.#acknowledge(now);
    this.#need(now);
    this.#setSilent(!this.closed && now - this.#lastHeard > SILENT_MS);
  }

  hello(): void {
    this.#helloAt = this.now();
    this.channel.send({
      kind: "hello",
      page: this.page,
      version: PROTOCOL_VERSION,
      epoch: this.epoch,
      tz_offset_min: new Date().getTimezoneOffset(),
    });
  }

  command(name: CommandMessage["name"], value = ""): void {
    this.channel.send({ kind: "cmd", page: this.page, name, value });
  }

  #arrive(content: unknown, buffers: readonly ArrayBufferView[]): void {
    const message = asKernelMessage(content);
    if (!message) return;
    const bytes = asBytes(buffers[0]);
    const deflated = "deflated" in message && message.deflated;
    if (!deflated && !this.#queue) {
      this.#handle(message, bytes, bytes.byteLength);
      return;
    }
    const step = (this.#queue ?? Promise.resolve())
      .then(() => (deflated ? inflate(bytes) : bytes))
      .then((plain) => this.#handle(message, plain, bytes.byteLength))
      // What cannot be inflated stays missing, and what is missing is asked for again.
      .catch((error: unknown) => console.error("axon_notebook: unreadable message", error))
      .then(() => {
        if (this.#queue === step) this.#queue = null;
      });
    this.#queue = step;
  }

  #handle(message: KernelMessage, bytes: Uint8Array, wireBytes: number): void {
    const now = this.now();
    this.#lastHeard = now;
    this.#setSilent(false);
    this.answered = true;
    if (message.epoch !== this.epoch) this.#begin(message);
    this.#count(message, wireBytes);
    this.receiver.take(message, bytes);
    this.closed = message.kind === "bye";
    this.#ackDue = true;
    this.#need(now);
  }

  /** A page that comes late starts where the kernel is: what was before is a hole of its own. */
  #begin(message: KernelMessage): void {
    const previous = this.epoch;
    this.epoch = message.epoch;
    const numbered = NUMBERED.has(message.kind);
    this.batch = numbered ? message.batch - 1 : message.batch;
    this.bytes = this.#ackedBytes = 0;
    this.#needWait = NEED_MS;
    this.receiver.epoch(message.epoch, previous);
  }

  #count(message: KernelMessage, wireBytes: number): void {
    this.bytes += wireBytes;
    const numbered = NUMBERED.has(message.kind);
    const expected = this.batch + (numbered ? 1 : 0);
    if (message.batch > expected) this.missedBatches += message.batch - expected;
    this.batch = Math.max(this.batch, message.batch);
  }

  /**
   * Only from the timer: an answer to what a bye follows at once would reach ipykernel's subshell
   * while JupyterLab ends it, which ipykernel tells the user as "Task was destroyed".
   */
  #acknowledge(now: number): void {
    if (this.closed) return;
    const wait = this.bytes - this.#ackedBytes < ACK_BYTES ? ACK_LATE_MS : ACK_MS;
    if (!this.#ackDue || now - this.#ackedAt < wait) return;
    this.#ackedAt = now;
    this.#ackedBytes = this.bytes;
    this.#ackDue = false;
    this.channel.send({
      kind: "ack",
      page: this.page,
      epoch: this.epoch,
      batch: this.batch,
      bytes: this.bytes,
    });
  }

  /** Ask once for a hole, again with growing patience, at once when the hole changed shape. */
  #need(now: number): void {
    if (!this.answered || this.closed) return;
    const since = now - this.#needAt;
    if (since < ACK_MS / 2) return;
    const holes = this.receiver.holes().filter((hole) => hole.ranges.length > 0);
    if (holes.length === 0) {
      this.#asked = "";
      this.#needWait = NEED_MS;
      return;
    }
    const asked = JSON.stringify(holes);
    if (asked !== this.#asked) this.#needWait = NEED_MS;
    else if (since < this.#needWait) return;
    else this.#needWait = Math.min(this.#needWait * 2, NEED_LIMIT_MS);
    this.#asked = asked;
    this.#needAt = now;
    for (const { stream, ranges } of holes) {
      this.channel.send({
        kind: "need",
        page: this.page,
        epoch: this.epoch,
        stream,
        ranges: ranges.slice(0, NEED_RANGES),
      });
    }
  }

  #setSilent(silent: boolean): void {
    if (silent === this.#silent) return;
    this.#silent = silent;
    this.receiver.silent(silent);
  }
}

/** Undo zlib; the browser's own decoder, so that no bytes of JavaScript are spent on it. */
export async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([new Uint8Array(bytes)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Hosts hand buffers over as DataView (JupyterLab, marimo) or Uint8Array (Colab). */
export function asBytes(view: ArrayBufferView | ArrayBuffer | undefined): Uint8Array {
  if (!view) return new Uint8Array(0);
  if (view instanceof ArrayBuffer) return new Uint8Array(view);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function asKernelMessage(content: unknown): KernelMessage | null {
  if (typeof content !== "object" || content === null) return null;
  const kind = (content as { kind?: unknown }).kind;
  return typeof kind === "string" && KINDS.has(kind) ? (content as KernelMessage) : null;
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
}
