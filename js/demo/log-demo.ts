// Shows the execution log without Jupyter. The address says what happens:
//   ?play=pytest|tqdm|tqdm_nested|rich|pip|npm|npm_error|apt   a recording, at its pace
//   ?play=app|stdin|hostile|long|lossy|earlier|reconnecting|failed|snapshot|million
//   ?instant  ?theme=dark  ?width=420  ?height=480  ?streams=apart  ?wrap=0  ?times=1  ?fold=1

import apt from "../../tests/recordings/apt.bin";
import npm from "../../tests/recordings/npm.bin";
import npm_error from "../../tests/recordings/npm_error.bin";
import pip from "../../tests/recordings/pip.bin";
import pytest from "../../tests/recordings/pytest.bin";
import rich from "../../tests/recordings/rich.bin";
import tqdm from "../../tests/recordings/tqdm.bin";
import tqdm_nested from "../../tests/recordings/tqdm_nested.bin";
import widget from "../src/log/index.ts";
import { SimulatedModel } from "./kernel.ts";
import { SimulatedCommand } from "./log-kernel.ts";

const query = new URLSearchParams(location.search);
const number = (name: string, otherwise: number) => Number(query.get(name) ?? otherwise);
const instant = query.has("instant");
const command = new SimulatedCommand();
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, instant ? 0 : ms));

interface Recording {
  title: string;
  bytes: Uint8Array;
  exit: number;
}

const RECORDINGS: Record<string, Recording> = {
  apt: { title: "apt-get update && apt-get -s install hello", bytes: apt, exit: 0 },
  npm: { title: "npm install left-pad chalk@4 vite@5", bytes: npm, exit: 0 },
  npm_error: { title: "npm run nothing", bytes: npm_error, exit: 1 },
  pip: { title: "pip install sympy networkx numpy", bytes: pip, exit: 0 },
  pytest: { title: "pytest -v test_orders.py", bytes: pytest, exit: 1 },
  rich: { title: "python rich_demo.py", bytes: rich, exit: 0 },
  tqdm: { title: "python train.py", bytes: tqdm, exit: 0 },
  tqdm_nested: { title: "python train.py --workers 3", bytes: tqdm_nested, exit: 0 },
};

async function replay({ bytes, exit }: Recording): Promise<void> {
  const step = Math.max(40, Math.floor(bytes.length / 120));
  for (let at = 0; at < bytes.length; at += step) {
    command.print("stdout", bytes.subarray(at, at + step));
    await sleep(60);
  }
  command.exit(exit);
}

const TRACE = `Traceback (most recent call last):
  File "/srv/app/worker.py", line 88, in handle
    order = load(event["order_id"])
            ^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/app/store.py", line 31, in load
    return self.rows[key]
           ~~~~~~~~~^^^^^
KeyError: 'ord_7120'
`;

/** A service that logs to both streams. */
async function app(lines = 400): Promise<void> {
  for (let n = 1; n <= lines; n++) {
    const path = ["/v1/axons", "/v1/devboxes", "/health"][n % 3];
    const took = (n * 37) % 420;
    command.print(
      "stdout",
      `\x1b[2m${String(n).padStart(5, "0")}\x1b[0m \x1b[32mINFO\x1b[0m  GET \x1b[36m${path}\x1b[0m \x1b[1m200\x1b[0m in ${took} ms\n`,
    );
    if (n % 23 === 0)
      command.print("stderr", `\x1b[33mWARN\x1b[0m  slow query: ${took} ms on orders\n`);
    if (n % 71 === 0)
      command.print("stderr", `\x1b[1;31mERROR\x1b[0m handling event ${n}\n${TRACE}`);
    await sleep(40);
  }
}

async function stdin(): Promise<void> {
  const numbers: number[] = [];
  command.print("stdout", "Numbers, please; an empty line adds them up.\n> ");
  command.onInput = (text) => {
    command.print("stdout", `${text.trim()}\n`);
    if (text.trim()) numbers.push(Number(text));
    else command.print("stdout", `\x1b[1;32m= ${numbers.reduce((a, b) => a + b, 0)}\x1b[0m\n`);
    command.print("stdout", "> ");
  };
}

function hostile(): void {
  const lines = [
    "title \x1b]0;you are root\x07 and clipboard \x1b]52;c;cm0gLXJmIC8=\x07 swallowed",
    "link \x1b]8;;https://example.org/docs\x07the docs\x1b]8;;\x07 and \x1b]8;;javascript:alert(1)\x07no link\x1b]8;;\x07",
    "lying \x1b]8;;https://evil.example/\x07https://bank.example\x1b]8;;\x07",
    "user\u202egnp.exe zero\u200bwidth nul\x00 del\x7f",
    "unterminated \x1b]2;never ends",
    "still here",
    "<img src=x onerror=alert(1)> <script>alert(2)</script>",
    `zalgo ${"e\u0301\u0302\u0303\u0304\u0305\u0306".repeat(8)}`,
  ];
  command.print("stdout", `${lines.join("\n")}\n`);
  const colours = Array.from(
    { length: 256 },
    (_, n) => `\x1b[38;5;${n}m${String(n).padStart(4)}\x1b[0m`,
  );
  for (let at = 0; at < 256; at += 16)
    command.print("stdout", `${colours.slice(at, at + 16).join("")}\n`);
  const backs = Array.from({ length: 16 }, (_, n) => `\x1b[48;5;${n}m back ${n} \x1b[0m`);
  command.print("stdout", `${backs.join("")}\n`);
  command.print(
    "stdout",
    "\x1b[1mbold\x1b[0m \x1b[2mdim\x1b[0m \x1b[3mitalic\x1b[0m \x1b[4munder\x1b[0m \x1b[7minverse\x1b[0m \x1b[9mstrike\x1b[0m \x1b[8mhidden\x1b[0m \x1b[7;31mred inverse\x1b[0m 日本語 🚀 | aligned\n",
  );
}

function long(): void {
  command.print(
    "stdout",
    `${JSON.stringify({ rows: Array.from({ length: 40_000 }, (_, id) => ({ id, ok: true })) })}\nafter\n`,
  );
}

/** A million lines of 100 bytes, in chunks as a pump sends them. */
async function million(lines = 1_000_000): Promise<void> {
  const started = performance.now();
  let text: string[] = [];
  for (let n = 1; n <= lines; n++) {
    const level =
      n % 5000 === 0 ? "\x1b[31mERROR\x1b[0m" : n % 700 === 0 ? "\x1b[33mWARN\x1b[0m" : "INFO";
    text.push(
      `2026-11-22 10:00:00.${String(n % 1000).padStart(3, "0")} ${level} worker-${n % 16} request ${n} done in ${(n * 7) % 97} ms status=200 path=/v1/things\n`,
    );
    if (text.length === 8000) {
      command.print("stdout", text.join(""));
      text = [];
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }
  command.print("stdout", text.join(""));
  Object.assign(globalThis, { millionMs: performance.now() - started });
}

async function deflate(text: string): Promise<DataView> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
  return new DataView(await new Response(stream).arrayBuffer());
}

function snapshot(): string {
  const { bytes } = RECORDINGS.pytest!;
  return JSON.stringify({
    version: 1,
    taken_ms: Date.now(),
    state: { name: "ended" },
    status: "completed",
    exit_status: 1,
    started_ms: Date.now() - 3400,
    ended_ms: Date.now(),
    stdout_bytes: bytes.length,
    stderr_bytes: 0,
    pieces: [
      { stream: "stdout", offset: 0, at_ms: Date.now(), text: new TextDecoder().decode(bytes) },
    ],
  });
}

const scenes: Record<string, () => unknown> = {
  app: () => app(number("lines", 400)),
  stdin,
  hostile,
  long,
  million: () => million(number("lines", 1_000_000)),
  lossy() {
    command.loseShare = 0.3;
    return app();
  },
  async earlier() {
    command.from.stdout = 500_000;
    command.print("stdout", `${"earlier output ".repeat(6)}\n`.repeat(60_000), false);
    await app(60);
  },
  async reconnecting() {
    await app(20);
    command.setState({
      name: "reconnecting",
      reason: "connection reset",
      retry_in_ms: 8200,
      attempt: 2,
    });
  },
  async failed() {
    await app(5);
    const reason = "404: no execution exec_01J in devbox dbx_01.";
    command.setState({ name: "failed", reason, way_out: "Run the command again." });
  },
  async done() {
    await app(60);
    command.exit(0);
  },
};

const play = query.get("play") ?? "pytest";
const recording = RECORDINGS[play];
document.documentElement.dataset.theme = query.get("theme") ?? "light";
const traits: Record<string, unknown> = {
  title: query.get("title") ?? recording?.title ?? `python -m ${play}`,
  execution_id: "exec_01JD9K3",
  streams: query.get("streams") ?? "both",
  follow: true,
  wrap: query.get("wrap") !== "0",
  times: query.has("times"),
  numbers: true,
  fold: query.has("fold"),
  height: number("height", 520),
  theme: query.get("theme") ?? "auto",
  stdin: play === "stdin",
  _snapshot: play === "snapshot" ? await deflate(snapshot()) : null,
};
const live = play === "snapshot" ? null : command;
const model = new SimulatedModel(live as never, traits);
const host = document.getElementById("host")!;
if (query.has("width")) host.style.width = `${number("width", 480)}px`;
const { initialize, render } = widget();
initialize({ model: model as never });
render({ model, el: host, signal: new AbortController().signal, experimental: null } as never);
Object.assign(globalThis, { command, model, million, app });
if (live) {
  command.start();
  if (recording) void replay(recording);
  else void scenes[play]?.();
}
if (query.has("controls")) controls();

function controls(): void {
  const actions: [string, () => unknown][] = [
    ...Object.entries(RECORDINGS).map(([name, one]): [string, () => unknown] => [
      name,
      () => replay(one),
    ]),
    ["a service", () => app()],
    ["1,000,000 lines", () => million()],
    ["hostile", hostile],
    ["exit 0", () => command.exit(0)],
    ["exit 1", () => command.exit(1)],
  ];
  for (const [label, run] of actions) {
    const button = document.createElement("button");
    button.textContent = label;
    button.addEventListener("click", () => void run());
    document.getElementById("controls")!.append(button);
  }
}
