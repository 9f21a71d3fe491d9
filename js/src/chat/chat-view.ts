// One display of the conversation. Whatever changes calls `invalidate`; one animation frame then
// takes in the new events and draws the turns that changed.

import { count } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import content from "../content/content.css";
import type { Status } from "../events/event-status.ts";
import { assign, observe } from "../kernel/traits.ts";
import type { Entry } from "../trace/model.ts";
import { isGroup, type OutlinePart } from "../trace/outline.ts";
import annotation from "../ui/annotation.css";
import { copyText, h, on, setText, shadow } from "../ui/dom.ts";
import { type FollowInput, type FollowState, follow, NEAR_PX } from "../ui/follow.ts";
import frame from "../ui/frame.css";
import { HeightHandle, USUAL_HEIGHT } from "../ui/height.ts";
import hues from "../ui/hues.css";
import { icon } from "../ui/icons.ts";
import { ScrollOrigin } from "../ui/scroll-origin.ts";
import theme from "../ui/theme.css";
import { applyTheme, watchTheme } from "../ui/theme.ts";
import tree from "../ui/tree.css";
import { Announcer } from "./announcer.ts";
import type { Around, ItemView } from "./around.ts";
import css from "./chat.css";
import type { Chat } from "./chat.ts";
import { Header } from "./chat-header.ts";
import { chatStatus } from "./chat-status.ts";
import type { Model } from "./chat-traits.ts";
import composeCss from "./compose.css";
import { Composer } from "./composer.ts";
import { itemView } from "./item-views.ts";
import { MomentLine } from "./moment-line.ts";
import toolsCss from "./tools.css";
import { TurnView } from "./turn-view.ts";

const SLOW_MS = 250;
const NARROW_PX = 480;
const SAID_MS = 2000;
/** A frame that draws and takes longer is followed by a rest of so many times its length. */
const LONG_FRAME_MS = 30;
const REST = 7;
const MOST_REST_MS = 500;
/** More parts than this are shown when asked for. */
const MOST_PARTS = 60;
const MOST_HINTS = 8;
/** Above and below a turn that is shown alone. */
const TURN_ROOM = 26;
const LEAST_HEIGHT = 110;

export class View implements Around {
  readonly root: HTMLElement;
  readonly #log = h("div", { class: "log", role: "log", tabindex: 0, "aria-live": "off" });
  readonly #earlier = h("button", { class: "more earlier", hidden: true });
  readonly #parts = h("div", { class: "parts" });
  readonly #empty = h("div", { class: "nothing" });
  readonly #hints = h("div", { class: "hints" });
  readonly #pill = h(
    "button",
    { class: "pill", hidden: true },
    icon("newest"),
    "more below · End to follow",
  );
  readonly #line = h("div", { class: "state-line", hidden: true });
  readonly #lineText = h("span");
  readonly #retry = h("button", { text: "retry now" });
  readonly #moment: MomentLine;
  readonly #header: Header;
  readonly #composer: Composer;
  readonly #announcer = new Announcer();
  readonly #handle: HeightHandle;
  readonly #origin: ScrollOrigin;
  readonly #views = new Map<OutlinePart, ItemView>();
  #trace: object | null = null;
  #most = MOST_PARTS;
  #state: FollowState = "following";
  #seen = 0;
  #frame = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #restUntil = 0;
  #slowAt = 0;
  #length = 0;
  #hintsDrawn = "";

  constructor(
    readonly chat: Chat,
    private readonly model: Model,
    host: HTMLElement,
    private readonly signal: AbortSignal,
  ) {
    const { root, remove } = shadow(
      host,
      [theme, hues, frame, tree, annotation, content, css, toolsCss, composeCss].join(""),
    );
    this.root = root;
    signal.addEventListener("abort", remove, { once: true });
    this.#composer = new Composer(chat, this, signal);
    this.#header = new Header(chat);
    this.#origin = new ScrollOrigin(this.#log, (input) => this.#feed(input), signal);
    this.#handle = new HeightHandle(root, (height) => this.#keepHeight(height), signal);
    this.#handle.element.setAttribute("aria-label", "Height of the chat");
    this.#moment = new MomentLine(chat, model, () => this.#moved(), signal);
    this.#line.append(this.#lineText, this.#retry);
    this.#log.append(this.#empty, this.#hints, this.#earlier, this.#parts);
    const box = h("div", { class: "log-box" }, this.#log, this.#pill);
    const lines = [this.#line, this.#moment.element];
    root.append(this.#header.element, ...lines, box, this.#composer.element);
    root.append(this.#handle.element, this.#announcer.element);
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", `Chat ${this.#name}`);
    this.#log.setAttribute("aria-label", "Conversation");
    this.#listen();
    this.#handle.set(model.get("height") || USUAL_HEIGHT);
  }

  // ---- Around -----------------------------------------------------------------------------------

  copy(text: string): void {
    copyText(text, this.root).then(
      (copied) => this.#say(copied ? "copied" : "the browser did not allow copying"),
      (error: unknown) => this.#say(String(error)),
    );
  }

  follow(): void {
    this.#feed({ type: "end" });
    this.changed();
  }

  view(entry: Entry): ItemView {
    return itemView(entry, this);
  }

  showsDiffs(callId: string): boolean {
    return this.chat.outline.call(callId)?.parts.some(({ type }) => type === "diff") ?? false;
  }

  /** Something here is different: draw all of it with the next frame. */
  changed(): void {
    this.#slowAt = 0;
    this.#restUntil = 0;
    clearTimeout(this.#rest);
    this.#rest = undefined;
    this.#invalidate();
  }

  /** Another moment is shown: its end is what one wants to see. */
  #moved(): void {
    this.#feed({ type: "end" });
    this.changed();
  }

  /** Until when what runs has run. */
  get #now(): number {
    const { session, asOf, trace } = this.chat;
    if (asOf !== null) return trace.time;
    return session.snapshotTaken ?? (session.kernelNow || Date.now());
  }

  // ---- drawing ----------------------------------------------------------------------------------

  #invalidate(): void {
    if (this.#frame !== 0 || this.#rest !== undefined || this.signal.aborted) return;
    const wait = this.#restUntil - performance.now();
    if (wait > 0) {
      this.#rest = setTimeout(() => {
        this.#rest = undefined;
        this.#invalidate();
      }, wait);
      return;
    }
    this.#frame = requestAnimationFrame((began) => {
      this.#frame = 0;
      if (this.signal.aborted) return;
      this.#draw(performance.now());
      requestAnimationFrame((ended) => this.#restAfter(ended - began, ended));
    });
  }

  /**
   * What one draw costs, style, layout and paint included, shows in the time to the next frame.
   * Where that is much, drawing is rare, so that nearly all frames are short: scrolling and typing
   * stay smooth, and text comes in larger pieces.
   */
  #restAfter(cost: number, now: number): void {
    this.#restUntil = cost > LONG_FRAME_MS ? now + Math.min(MOST_REST_MS, REST * cost) : 0;
  }

  #draw(now: number): void {
    const { chat } = this;
    chat.update();
    this.#drawParts(this.#now);
    this.#composer.draw(now);
    const { length } = chat.outline.parts;
    if (length !== this.#length || now - this.#slowAt >= SLOW_MS) this.#drawSlow(now);
    this.#length = length;
    if (chat.turn > 0) this.#fitTurn();
    if (this.#state === "following") this.#log.scrollTop = this.#log.scrollHeight;
    this.#drawPill();
  }

  /** A turn alone is as high as it needs, up to the height that was asked for. */
  #fitTurn(): void {
    const rest = this.root.offsetHeight - this.#log.clientHeight;
    const wanted = this.#parts.offsetHeight + rest + TURN_ROOM;
    const most = this.model.get("height") || USUAL_HEIGHT;
    const height = `${Math.max(LEAST_HEIGHT, Math.min(most, wanted))}px`;
    if (this.root.style.height !== height) this.root.style.height = height;
  }

  #drawSlow(now: number): void {
    this.#slowAt = now;
    const status = chatStatus(this.chat);
    this.#header.draw(status, this.#name, this.#state === "following");
    this.#line.hidden = status.line === "";
    this.#line.dataset.sign = status.sign;
    setText(this.#lineText, visibleLine(status.line));
    this.#retry.hidden = !status.retry;
    setText(this.#empty, status.empty);
    this.#empty.hidden = status.empty === "";
    this.#moment.draw();
    this.#drawHints(status);
    this.#announcer.update(status, this.chat);
  }

  /** Before the first prompt: the commands of the agent, and its login methods. */
  #drawHints({ sign }: Status): void {
    const { session, turns } = this.chat.outline;
    const isFresh = sign === "live" && turns.length === 0 && this.chat.canSend;
    const commands = isFresh ? (session?.commands ?? []).slice(0, MOST_HINTS) : [];
    const methods = isFresh ? (session?.auth_methods ?? []).slice(0, MOST_HINTS) : [];
    const key = JSON.stringify([commands, methods]);
    if (key === this.#hintsDrawn) return;
    this.#hintsDrawn = key;
    const chip = (label: string, title: string, run: () => void) => {
      const button = h("button", { class: "chip", title: visibleLine(title) });
      button.textContent = visibleLine(label).slice(0, 40);
      button.addEventListener("click", run);
      return button;
    };
    this.#hints.replaceChildren(
      ...commands.map(({ name = "", description = "" }) =>
        chip(`/${name}`, description, () => this.#composer.write(`/${name} `)),
      ),
      ...methods.map((method) => {
        const { id, name, description } = method as { [field: string]: string | undefined };
        const run = () => this.chat.authenticate(id ?? "");
        return chip(`Log in: ${name || id}`, description ?? "", run);
      }),
    );
  }

  #drawParts(now: number): void {
    const { trace } = this.chat;
    if (trace !== this.#trace) {
      this.#trace = trace;
      this.#views.clear();
      this.#parts.replaceChildren();
    }
    const { parts } = this.chat;
    const from = Math.max(0, parts.length - this.#most);
    this.#earlier.hidden = from === 0;
    setText(this.#earlier, `show ${count(Math.min(from, this.#most))} of ${count(from)} earlier`);
    const shown = parts.slice(from).map((part) => this.#viewOf(part));
    shown.forEach((view, at) => {
      const place = this.#parts.children[at] ?? null;
      if (place !== view.element) this.#parts.insertBefore(view.element, place);
      view.draw(now);
    });
    while (this.#parts.childElementCount > shown.length) this.#parts.lastElementChild?.remove();
  }

  #viewOf(part: OutlinePart): ItemView {
    const known = this.#views.get(part);
    if (known) return known;
    const view = isGroup(part) ? new TurnView(part, this) : itemView(part, this);
    this.#views.set(part, view);
    return view;
  }

  #drawPill(): void {
    const newest = this.chat.trace.sequence;
    if (this.#state === "following") this.#seen = newest;
    const fresh = newest > this.#seen;
    this.#pill.hidden = !fresh;
  }

  // ---- following --------------------------------------------------------------------------------

  #feed(input: FollowInput): void {
    const next = follow(this.#state, input);
    if (next === this.#state) return;
    this.#state = next;
    this.changed();
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const distance = scrollHeight - scrollTop - clientHeight;
    this.#feed({ type: "scrolled", distance, height: clientHeight, byUser: this.#origin.isUser });
    // What the browser moved goes back to the end.
    if (this.#state === "following" && distance > NEAR_PX) this.#invalidate();
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.#log) return;
    if (event.key === "End") {
      event.preventDefault();
      this.#feed({ type: "end" });
    } else if (event.key === "/") {
      event.preventDefault();
      this.#composer.box.focus();
    }
  }

  // ---- once -------------------------------------------------------------------------------------

  get #name(): string {
    return this.model.get("title") || this.model.get("axon_id") || "agent";
  }

  #keepHeight(height: number): void {
    assign(this.model, "height", height);
  }

  #say(text: string): void {
    this.#announcer.say(text);
    this.root.dataset.said = text;
    setTimeout(() => {
      if (this.root.dataset.said === text) delete this.root.dataset.said;
    }, SAID_MS);
  }

  #listen(): void {
    const { signal, chat, model } = this;
    chat.session.watch(() => this.#invalidate(), signal);
    on(this.#log, "scroll", () => this.#scrolled(), signal, { passive: true });
    on(this.#log, "keydown", (event) => this.#key(event), signal);
    on(this.#pill, "click", () => this.#feed({ type: "end" }), signal);
    on(
      this.#header.follow,
      "click",
      () => this.#feed({ type: this.#state === "following" ? "hold" : "end" }),
      signal,
    );
    on(
      this.#earlier,
      "click",
      () => {
        this.#most *= 2;
        this.#feed({ type: "hold" });
        this.changed();
      },
      signal,
    );
    on(this.#retry, "click", () => chat.session.retry(), signal);
    const dress = () => applyTheme(this.root, model.get("theme") ?? "auto");
    watchTheme(dress, signal);
    observe(model, "theme", dress, signal);
    observe(model, "title", () => this.changed(), signal);
    observe(model, "height", () => this.#handle.set(model.get("height") || USUAL_HEIGHT), signal);
    const sizes = new ResizeObserver(() => this.#measure());
    sizes.observe(this.root);
    const timer = setInterval(() => this.#invalidate(), SLOW_MS);
    signal.addEventListener(
      "abort",
      () => {
        sizes.disconnect();
        clearInterval(timer);
        clearTimeout(this.#rest);
        cancelAnimationFrame(this.#frame);
      },
      { once: true },
    );
  }

  /** The element has a size, or another one. */
  #measure(): void {
    const { width } = this.root.getBoundingClientRect();
    if (width === 0) return;
    applyTheme(this.root, this.model.get("theme") ?? "auto");
    this.root.dataset.size = width < NARROW_PX ? "narrow" : "wide";
    this.#composer.fit();
    this.changed();
  }
}
