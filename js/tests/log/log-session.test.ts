import { describe, expect, test } from "vitest";
import type { Channel } from "../../src/kernel/connection.ts";
import type { KernelMessage, LogStatMessage, PageMessage } from "../../src/kernel/protocol.ts";
import { LogSession } from "../../src/log/log-session.ts";
import { exitWord, statusOf } from "../../src/log/log-status.ts";
import type { LogStore } from "../../src/log/output-store.ts";

const utf8 = new TextEncoder();

/** A kernel by hand: what it says is said at once, what it hears is kept. */
class Desk implements Channel {
  readonly received: PageMessage[] = [];
  now = 1000;
  batch = 0;
  #take: (content: unknown, buffers: readonly ArrayBufferView[]) => void = () => {};
  readonly #life = new AbortController();
  readonly session = new LogSession(this, this.#life.signal, () => this.now);

  send(message: PageMessage): void {
    this.received.push(message);
  }
  listen(take: (content: unknown, buffers: readonly ArrayBufferView[]) => void): void {
    this.#take = take;
  }
  log(stream: "stdout" | "stderr", offset: number, text: string, header = {}): void {
    const bytes = utf8.encode(text);
    const part = { stream, offset, length: bytes.length, at_ms: 5000, missing: 0 };
    const batch = ++this.batch;
    this.say({ kind: "log", batch, parts: [part], deflated: false, ...header }, bytes);
  }
  /** Out of turn: an answer to `need`. */
  answer(stream: "stdout" | "stderr", offset: number, text: string): void {
    this.batch--;
    this.log(stream, offset, text, { batch: this.batch + 1 });
  }
  stat(changes: Partial<LogStatMessage> = {}): void {
    this.say({
      kind: "logstat",
      state: { name: "live" },
      status: "running",
      exit_status: null,
      started_ms: 4000,
      ended_ms: null,
      stdout_bytes: 0,
      stderr_bytes: 0,
      stdout_from: 0,
      stderr_from: 0,
      stdout_sent: changes.stdout_bytes ?? 0,
      stderr_sent: changes.stderr_bytes ?? 0,
      note: "",
      lost: 0,
      bytes: 0,
      max_bytes: 0,
      ...changes,
    });
  }
  say(message: object, ...buffers: Uint8Array[]): void {
    const header = { epoch: "e1", batch: this.batch, sent_ms: 6000 };
    this.#take({ ...header, ...message } as KernelMessage, buffers);
  }
  needs(): unknown[] {
    return this.received.flatMap((one) =>
      one.kind === "need" ? [[one.stream, ...one.ranges]] : [],
    );
  }
  /** All of what came: by itself the session reads for a few milliseconds, then with each frame. */
  get store(): LogStore {
    this.session.intake.step(Number.POSITIVE_INFINITY);
    return this.session.store;
  }
  lines(): string[] {
    const { store } = this;
    const rows = Array.from({ length: store.rows }, (_, row) => row).concat(store.openRows());
    return rows.map((row) => store.line(row).text);
  }
  end(): void {
    this.#life.abort();
  }
}

function desk(run: (desk: Desk) => void): void {
  const one = new Desk();
  run(one);
  one.end();
}

describe("a log's session", () => {
  test("asks for a message that was lost on the way and puts it where it belongs", () =>
    desk((kernel) => {
      kernel.log("stdout", 0, "one\n");
      kernel.now += 1000;
      kernel.batch++;
      kernel.log("stdout", 8, "three\n");
      expect(kernel.needs()).toEqual([["stdout", [4, 7]]]);
      kernel.answer("stdout", 4, "two\n");

      expect(kernel.lines()).toEqual(["one", "two", "three"]);
    }));

  test("does not wait for ever for what nobody sends", () =>
    desk((kernel) => {
      kernel.log("stdout", 0, "one\n");
      kernel.log("stdout", 8, "three\n");
      kernel.session.holes();
      kernel.now += 31_000;
      kernel.session.holes();

      expect(kernel.lines()[1]).toContain("4 bytes of stdout");
      expect(kernel.lines()[2]).toBe("three");
    }));

  test("loads a little earlier output by itself, and much of it when told to", () =>
    desk((kernel) => {
      kernel.log("stdout", 3_000_000, "late\n");
      kernel.stat({ stdout_bytes: 3_000_005 });
      expect(kernel.session.earlier).toBe(3_000_000);
      expect(kernel.needs()).toEqual([]);
      kernel.now += 1000;
      kernel.session.loadEarlier();
      expect(kernel.needs()).toEqual([["stdout", [0, 2_999_999]]]);

      const small = new Desk();
      small.log("stdout", 8, "late\n");
      small.now += 1000;
      small.stat({ stdout_bytes: 13, stdout_from: 4 });
      expect(small.needs()).toEqual([["stdout", [4, 7]]]);
      expect(small.session.gone).toBe(4);
      small.end();
    }));

  test("takes both streams of one message in their order", () =>
    desk((kernel) => {
      const part = { offset: 0, at_ms: 1, missing: 0 };
      const parts = [
        { ...part, stream: "stdout", length: 2 },
        { ...part, stream: "stderr", length: 4 },
        { ...part, stream: "stdout", offset: 2, length: 2 },
      ];
      kernel.say({ kind: "log", batch: 1, parts, deflated: false }, utf8.encode("a\nerr\nb\n"));

      expect(kernel.lines()).toEqual(["a", "err", "b"]);
    }));

  test("asks for the end of a command's output when its push did not bring it", () =>
    desk((kernel) => {
      kernel.log("stdout", 0, "one\n");
      kernel.stat({ status: "completed", exit_status: 0, ended_ms: 9000, stdout_bytes: 10 });
      kernel.now += 2000;

      expect(kernel.session.holes()).toContainEqual({ stream: "stdout", ranges: [[4, 9]] });
    }));

  test("the last line is final when the command has ended and every byte is here", () =>
    desk((kernel) => {
      kernel.log("stdout", 0, "no newline");
      expect(kernel.store.rows).toBe(0);
      kernel.stat({ status: "completed", exit_status: 0, stdout_bytes: 10 });

      expect(kernel.store.rows).toBe(1);
    }));

  test("another stream of the kernel begins with an empty log", () =>
    desk((kernel) => {
      kernel.log("stdout", 0, "old\n");
      kernel.log("stdout", 0, "new\n", { epoch: "e2" });

      expect(kernel.lines()).toEqual(["new"]);
    }));

  test("shows what was saved until a kernel speaks", () =>
    desk((kernel) => {
      kernel.session.load({
        version: 1,
        taken_ms: 1,
        state: { name: "ended" },
        status: "completed",
        exit_status: 2,
        started_ms: 0,
        ended_ms: 1500,
        stdout_bytes: 10,
        stderr_bytes: 0,
        pieces: [{ stream: "stdout", offset: 4, at_ms: 1, text: "saved\n" }],
      });
      expect(kernel.lines()).toEqual([expect.stringContaining("4 bytes"), "saved"]);
      expect(statusOf(kernel.session.facts).word).toBe("exit 2 · 1.5 s");
      kernel.log("stdout", 0, "live\n");

      expect(kernel.lines()).toEqual(["live"]);
      expect(kernel.session.snapshotTaken).toBeNull();
    }));

  test("what the user does goes to the kernel as commands", () =>
    desk((kernel) => {
      kernel.stat();
      kernel.session.send("yes\n");
      kernel.session.endInput();
      kernel.session.kill();
      const commands = kernel.received.flatMap((one) =>
        one.kind === "cmd" ? [[one.name, one.value]] : [],
      );

      expect(commands).toEqual([
        ["stdin", "yes\n"],
        ["stdin_eof", ""],
        ["kill", ""],
      ]);
      expect(kernel.session.killing).toBe(true);
    }));
});

describe("the status", () => {
  test.each([
    [0, "exit 0"],
    [1, "exit 1"],
    [137, "SIGKILL (137)"],
    [143, "SIGTERM (143)"],
    [-2, "SIGINT (-2)"],
    [200, "exit 200"],
    [null, "ended"],
  ])("exit status %j reads %s", (exit, word) => {
    expect(exitWord(exit)).toBe(word);
  });

  test("a running command counts on the kernel's clock", () =>
    desk((kernel) => {
      kernel.stat({ started_ms: 4000 });
      kernel.now += 39_000;

      expect(statusOf(kernel.session.facts)).toMatchObject({ sign: "live", word: "running 00:41" });
    }));

  test("a dead kernel's command is not called running", () =>
    desk((kernel) => {
      kernel.stat();
      kernel.session.kernelGone();

      expect(statusOf(kernel.session.facts).word).toBe("kernel gone");
      expect(kernel.session.running).toBe(false);
    }));

  test("a lost connection says when it is tried again, a failure what to do", () =>
    desk((kernel) => {
      const state = { name: "reconnecting", reason: "reset", retry_in_ms: 8200 } as const;
      kernel.stat({ state });
      const reconnecting = statusOf(kernel.session.facts);
      kernel.stat({ state: { name: "failed", reason: "404: gone.", way_out: "Run it again." } });

      expect(reconnecting).toMatchObject({ retry: true, line: "reset · next attempt in 8.2 s" });
      expect(statusOf(kernel.session.facts).line).toBe("404: gone. Run it again.");
    }));

  test("an exit status stands even when the connection to it is lost", () =>
    desk((kernel) => {
      kernel.stat({ status: "completed", exit_status: 3, ended_ms: 5000 });
      kernel.now += 60_000;
      kernel.session.silent(true);

      expect(statusOf(kernel.session.facts)).toMatchObject({ sign: "bad", word: "exit 3 · 1.0 s" });
    }));
});
