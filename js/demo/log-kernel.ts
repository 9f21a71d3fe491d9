// A kernel that follows a command which is not there: the log's messages and answers, in the page.

import {
  BATCH_BYTES,
  type ConnectionState,
  HEARTBEAT_MS,
  type Header,
  type KernelMessage,
  type PageMessage,
} from "../src/kernel/protocol.ts";

type Listener = (content: unknown, buffers: DataView[]) => void;
export type Stream = "stdout" | "stderr";

export class SimulatedCommand {
  state: ConnectionState = { name: "live" };
  status = "running";
  exitStatus: number | null = null;
  startedMs = Date.now();
  endedMs: number | null = null;
  /** Everything printed, and how much of it the kernel still keeps. */
  readonly output: Record<Stream, Uint8Array[]> = { stdout: [], stderr: [] };
  readonly length: Record<Stream, number> = { stdout: 0, stderr: 0 };
  readonly from: Record<Stream, number> = { stdout: 0, stderr: 0 };
  /** Chunks that go to the page; the first ones may be left out. */
  pushed: Record<Stream, number> = { stdout: 0, stderr: 0 };
  /** Losses on purpose: the share of `log` messages that never arrive. */
  loseShare = 0;
  readonly received: PageMessage[] = [];
  onInput: (text: string) => void = (text) => this.print("stdout", text);
  readonly #epoch = `epoch-${Math.random().toString(36).slice(2)}`;
  #batch = 0;
  #listeners = new Set<Listener>();
  #timer = 0;

  start(): void {
    this.#timer = window.setInterval(() => this.stat(), HEARTBEAT_MS);
    this.stat();
  }

  on(listener: Listener): void {
    this.#listeners.add(listener);
  }

  off(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  print(stream: Stream, text: string | Uint8Array, push = true): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    const offset = this.length[stream];
    this.output[stream].push(bytes);
    this.length[stream] += bytes.length;
    if (push)
      for (let at = 0; at < bytes.length; at += BATCH_BYTES)
        this.#push(stream, offset + at, bytes.subarray(at, at + BATCH_BYTES));
  }

  exit(status: number): void {
    this.status = "completed";
    this.exitStatus = status;
    this.endedMs = Date.now();
    this.state = { name: "ended" };
    this.stat();
  }

  setState(state: ConnectionState): void {
    this.state = state;
    this.stat();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  receive(message: PageMessage): void {
    this.received.push(message);
    if (message.kind === "hello") this.stat();
    if (message.kind === "need" && (message.stream === "stdout" || message.stream === "stderr"))
      for (const [first, last] of message.ranges) this.#answer(message.stream, first, last);
    if (message.kind !== "cmd") return;
    if (message.name === "retry") this.setState({ name: "live" });
    if (message.name === "kill") setTimeout(() => this.exit(143), 600);
    if (message.name === "stdin") this.onInput(message.value);
    if (message.name === "stdin_eof") setTimeout(() => this.exit(0), 200);
  }

  stat(): void {
    this.#send({
      kind: "logstat",
      ...this.#header(),
      state: this.state,
      status: this.status,
      exit_status: this.exitStatus,
      started_ms: this.startedMs,
      ended_ms: this.endedMs,
      stdout_bytes: this.length.stdout,
      stderr_bytes: this.length.stderr,
      stdout_from: this.from.stdout,
      stderr_from: this.from.stderr,
      stdout_sent: this.length.stdout,
      stderr_sent: this.length.stderr,
      lost: 0,
      note: "",
      bytes: this.length.stdout + this.length.stderr,
      max_bytes: 256 * 1024 * 1024,
    });
  }

  #push(stream: Stream, offset: number, bytes: Uint8Array): void {
    this.#batch++;
    if (Math.random() < this.loseShare) return;
    this.#log(stream, offset, bytes, 0);
  }

  #answer(stream: Stream, first: number, last: number): void {
    const all = new Uint8Array(this.length[stream]);
    let at = 0;
    for (const part of this.output[stream]) {
      all.set(part, at);
      at += part.length;
    }
    const from = Math.max(first, this.from[stream]);
    for (let offset = from; offset <= last; offset += BATCH_BYTES) {
      const end = Math.min(last + 1, offset + BATCH_BYTES);
      this.#log(stream, offset, all.subarray(offset, end), offset === from ? from - first : 0);
    }
  }

  #log(stream: Stream, offset: number, bytes: Uint8Array, missing: number): void {
    const copy = new Uint8Array(bytes);
    this.#send(
      {
        kind: "log",
        ...this.#header(),
        parts: [{ stream, offset, length: bytes.length, at_ms: Date.now(), missing }],
        deflated: false,
      },
      new DataView(copy.buffer),
    );
  }

  #header(): Header {
    return { epoch: this.#epoch, batch: this.#batch, sent_ms: Date.now() };
  }

  #send(message: KernelMessage, ...buffers: DataView[]): void {
    for (const listener of this.#listeners) listener(message, buffers);
  }
}
