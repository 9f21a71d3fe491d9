// One row per run: sorted by a click on a heading, opened by a button in the row.

import type { AnyModel } from "@anywidget/types";
import { count, date, duration, plural } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { h, setText } from "../ui/dom.ts";
import frameCss from "../ui/frame.css";
import { icon, setIcon } from "../ui/icons.ts";
import theme from "../ui/theme.css";
import { type FrameTraits, WidgetFrame } from "../ui/widget-frame.ts";
import css from "./runs.css";
import { type Cell, type Column, type Order, type Runs, sorted } from "./runs-model.ts";

export interface Traits extends FrameTraits {
  /** Deflated JSON of `Runs`. */
  _snapshot: DataView | ArrayBuffer | null;
  /** The axon that was opened, how, and a number that makes the same click another value. */
  opened: [string, string, number] | null;
  /** Whether a kernel can open anything. */
  opens: boolean;
}

export class RunsView {
  readonly #frame: WidgetFrame<Traits>;
  readonly #title = h("span", { class: "axon-name" });
  readonly #counts = h("span", { class: "counts" });
  readonly #head = h("tr");
  readonly #body = h("tbody");
  readonly #signs: SVGSVGElement[] = [];
  #runs: Runs = { version: 1, columns: [], rows: [] };
  #order: Order | null = null;
  #clicks = 0;

  constructor(
    private readonly model: AnyModel<Traits>,
    host: HTMLElement,
    signal: AbortSignal,
  ) {
    this.#frame = new WidgetFrame(model, host, signal, {
      css: theme + frameCss + css,
      label: `Runs ${model.get("title")}`,
      medium: 720,
      narrow: 480,
      draw: () => true,
      drawSlow: () => setText(this.#title, visibleLine(this.model.get("title"))),
      measure: () => undefined,
      themed: () => undefined,
    });
    const table = h("table", {}, h("thead", {}, this.#head), this.#body);
    const scroller = h(
      "div",
      { class: "scroller", tabindex: 0, role: "group", "aria-label": "Runs" },
      table,
    );
    this.#frame.assemble(h("div", { class: "header" }, this.#title, this.#counts), scroller);
  }

  show(runs: Runs): void {
    this.#runs = runs;
    this.#signs.length = 0;
    this.#head.replaceChildren(...runs.columns.map((column, at) => this.#heading(column, at)));
    if (this.model.get("opens"))
      this.#head.prepend(h("th", {}, h("span", { class: "axon-hidden", text: "open" })));
    this.#counts.replaceChildren(h("span", { text: plural(runs.rows.length, "run") }));
    this.#fill();
    this.#frame.soon();
  }

  fail(error: unknown): void {
    this.#counts.replaceChildren(h("span", { text: `cannot be shown: ${String(error)}` }));
  }

  #heading({ name, kind }: Column, at: number): HTMLElement {
    const sign = icon("");
    this.#signs.push(sign);
    const button = h("button", {}, name.replaceAll("_", " "), sign);
    const heading = h("th", { class: kind, scope: "col", "aria-sort": "none" }, button);
    button.addEventListener("click", () => this.#sort(at));
    return heading;
  }

  /** Numbers and times begin with the largest; a second click turns it around. */
  #sort(column: number): void {
    const again = this.#order?.column === column;
    const down = again ? !this.#order!.down : this.#runs.columns[column]!.kind !== "text";
    this.#order = { column, down };
    const headings = this.#head.querySelectorAll("th[aria-sort]");
    headings.forEach((heading, at) => {
      const own = at === column;
      heading.setAttribute("aria-sort", own ? (down ? "descending" : "ascending") : "none");
      setIcon(this.#signs[at]!, own ? "down" : "");
      this.#signs[at]!.classList.toggle("up", own && !down);
    });
    this.#fill();
    const { name } = this.#runs.columns[column]!;
    this.#frame.announce(`sorted by ${name}, ${down ? "largest" : "smallest"} first`);
  }

  #fill(): void {
    const { rows } = this.#runs;
    const shown = this.#order ? sorted(rows, this.#order) : rows;
    this.#body.replaceChildren(...shown.map((row) => this.#row(row)));
  }

  #row([id, ...values]: [string, ...Cell[]]): HTMLElement {
    const { columns } = this.#runs;
    const cells = values.map((value, at) => cell(value, columns[at]!));
    if (this.model.get("opens")) {
      const name = visibleLine(String(values[0] ?? id));
      cells.unshift(
        h(
          "td",
          { class: "open" },
          this.#opener(id, name, "events"),
          this.#opener(id, name, "trace"),
        ),
      );
    }
    return h("tr", { "data-axon": id }, ...cells);
  }

  #opener(id: string, name: string, what: string): HTMLElement {
    const button = h("button", { "aria-label": `${what} of ${name}`, text: what });
    button.addEventListener("click", () => {
      for (const row of this.#body.querySelectorAll("tr[aria-current]"))
        row.removeAttribute("aria-current");
      button.closest("tr")?.setAttribute("aria-current", "true");
      this.model.set("opened", [id, what, ++this.#clicks]);
      this.model.save_changes();
      this.#frame.say(`${what} of ${name}: below`);
    });
    return button;
  }
}

function cell(value: Cell, { name, kind }: Column): HTMLElement {
  const bad = value !== null && value !== 0 && (name.startsWith("failed") || value === "failed");
  return h("td", { class: bad ? `${kind} bad` : kind, text: written(value, kind) });
}

function written(value: Cell, kind: Kind): string {
  if (value === null) return "";
  if (typeof value === "string") return visibleLine(value);
  if (kind === "time") return date(value);
  if (kind === "seconds") return duration(1000 * value);
  return kind === "integer" ? count(value) : String(Number(value.toPrecision(6)));
}

type Kind = Column["kind"];
