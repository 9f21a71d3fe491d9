// Shows the event viewer without Jupyter. The address says what happens:
//   ?rate=200         events per second besides the agent's
//   ?history=100000   events that were there before
//   ?state=empty|failed|reconnecting|snapshot|silent|lossy|restart|conversation
//   ?theme=dark  ?width=420  ?height=480  ?filter=…

import widget from "../src/viewer/index.ts";
import { noise, turn } from "./agent.ts";
import { SimulatedKernel, SimulatedModel } from "./kernel.ts";

const query = new URLSearchParams(location.search);
const number = (name: string, otherwise: number) => Number(query.get(name) ?? otherwise);
const state = query.get("state") ?? "conversation";

const kernel = new SimulatedKernel();
let published = 0;

/** The past: `count` events that end now. */
function history(count: number): void {
  const now = Date.now();
  for (let i = 0; i < count; i++) {
    const { type, payload, source, origin } = noise(published++);
    kernel.publish(type, payload, source, origin, now - (count - i) * 25);
  }
}

/** A conversation that has happened, with the pace it had. */
function past(turns: number): void {
  const drafts = Array.from({ length: turns }, (_, i) => [...turn(i + 1)]).flat();
  let at = Date.now() - drafts.reduce((sum, { wait }) => sum + wait, 0) - 6500;
  let last = at;
  for (const draft of drafts) {
    at += draft.wait;
    while (last + 900 < at) {
      last += 900;
      const other = noise(published++);
      kernel.publish(other.type, other.payload, other.source, other.origin, last);
    }
    kernel.publish(draft.type, draft.payload, draft.source, draft.origin, at);
  }
}

async function converse(): Promise<void> {
  for (let n = 3; ; n++) {
    for (const draft of turn(n)) {
      await new Promise((resolve) => setTimeout(resolve, draft.wait));
      kernel.publish(draft.type, draft.payload, draft.source, draft.origin);
    }
    await new Promise((resolve) => setTimeout(resolve, 6000));
  }
}

function stream(rate: number): void {
  let due = 0;
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    due += ((now - before) * rate) / 1000;
    before = now;
    for (; due >= 1; due--) {
      const { type, payload, source, origin } = noise(published++);
      kernel.publish(type, payload, source, origin);
    }
  }, 20);
}

async function deflate(text: string): Promise<DataView> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
  return new DataView(await new Response(stream).arrayBuffer());
}

function snapshotOf(): string {
  const events = kernel.events.slice(-500).map((text) => JSON.parse(text));
  const first = events[0]?.sequence ?? 1;
  return JSON.stringify({
    version: 1,
    taken_ms: Date.now(),
    state: { name: "ended" },
    start: first,
    head: kernel.events.length,
    received: kernel.events.length,
    dropped: 0,
    lost: 0,
    events,
  });
}

const traits: Record<string, unknown> = {
  title: query.get("title") ?? "payments-agent",
  axon_id: "axn_01JD9K3",
  filter: query.get("filter") ?? "",
  time_range: null,
  height: number("height", 560),
  theme: query.get("theme") ?? "auto",
  fold: true,
  times: "absolute",
  follow: true,
  max_bytes: 512 * 1024 * 1024,
  _snapshot: null,
};

const scenes: Record<string, () => void> = {
  empty: () => kernel.setState({ name: "live" }),
  failed: () =>
    kernel.setState({
      name: "failed",
      reason: "404: no axon axn_01JD9K3 at this server.",
      way_out: "Create it, or list yours with client.axons().",
    }),
  reconnecting() {
    past(1);
    kernel.setState({
      name: "reconnecting",
      reason: "the server closed the connection",
      retry_in_ms: 12_400,
      attempt: 3,
    });
  },
  lossy() {
    past(1);
    kernel.loseShare = 0.2;
    kernel.setState({ name: "live" });
    setTimeout(() => kernel.loseForGood(40), 1500);
    setTimeout(() => kernel.mark("reconnected after 4.2 s"), 2500);
    stream(number("rate", 400));
  },
  restart() {
    past(1);
    kernel.setState({ name: "live" });
    setTimeout(() => {
      kernel.restart();
      stream(20);
    }, 1500);
  },
  silent() {
    past(1);
    kernel.setState({ name: "live" });
    setTimeout(() => kernel.stop(), 500);
  },
  snapshot: () => past(2),
  conversation() {
    history(number("history", 0));
    past(2);
    kernel.setState({ name: "live" });
    void converse();
    const rate = number("rate", 3);
    if (rate > 0) stream(rate);
  },
};

document.documentElement.dataset.theme = query.get("theme") ?? "light";
(scenes[state] ?? scenes.conversation)!();
const isSnapshot = state === "snapshot";
if (isSnapshot) traits._snapshot = await deflate(snapshotOf());
const model = new SimulatedModel(isSnapshot ? null : kernel, traits);
const host = document.getElementById("host")!;
const width = number("width", 0);
if (width > 0) host.style.width = `${width}px`;
const { initialize, render } = widget();
const any = model as never;
initialize({ model: any });
render({
  model: any,
  el: host,
  signal: new AbortController().signal,
  experimental: null as never,
} as never);
if (!isSnapshot) kernel.start();
if (query.has("controls")) controls();
Object.assign(globalThis, { kernel, model });

function controls(): void {
  const actions: [string, () => void][] = [
    ["100/s", () => stream(100)],
    ["5,000/s", () => stream(5000)],
    ["20,000/s", () => stream(20_000)],
    [
      "lose 20 %",
      () => {
        kernel.loseShare = 0.2;
      },
    ],
    [
      "lose nothing",
      () => {
        kernel.loseShare = 0;
      },
    ],
    ["40 gone for good", () => kernel.loseForGood(40)],
    ["restart", () => kernel.restart()],
    [
      "reconnect",
      () =>
        kernel.setState({
          name: "reconnecting",
          reason: "connection reset",
          retry_in_ms: 8000,
          attempt: 2,
        }),
    ],
    ["live", () => kernel.setState({ name: "live" })],
  ];
  for (const [label, run] of actions) {
    const button = document.createElement("button");
    button.textContent = label;
    button.addEventListener("click", run);
    document.getElementById("controls")!.append(button);
  }
}
