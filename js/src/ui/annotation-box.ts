// Judgements: shown as badges, and entered in a small form that opens below what is judged.

import { visible, visibleLine } from "../base/visible.ts";
import { h, setAttribute } from "./dom.ts";
import { icon } from "./icons.ts";

/** What is entered; the kernel publishes it as an event of the type `annotation`. */
export interface Judgement {
  label: string;
  note: string;
  score: number | null;
}

/** What was published. */
export interface Badge extends Judgement {
  /** What is judged; "annotation" says nothing. */
  name: string;
  annotator: string;
  sequence: number;
}

const LABELS = ["correct", "incorrect"];
const MOST_CHARS = 10_000;
const SHOWN_CHARS = 80;

/** A button, and the form that it opens. */
export class AnnotationBox {
  readonly button = h(
    "button",
    {
      class: "annotate",
      title: "annotate: publishes an event",
      "aria-label": "annotate",
      "aria-expanded": "false",
    },
    icon("tag"),
  );
  /** Where the form appears. */
  readonly element = h("div", { class: "annotation-place" });
  readonly #send: (made: Judgement) => void;

  constructor(send: (made: Judgement) => void) {
    this.#send = send;
    this.button.addEventListener("click", () => this.#toggle(!this.element.firstChild));
  }

  /** Drop what was entered. */
  close(): void {
    this.#toggle(false);
  }

  #toggle(open: boolean): void {
    setAttribute(this.button, "aria-expanded", String(open));
    this.element.replaceChildren();
    if (!open) return;
    this.element.append(
      form((made) => {
        this.#toggle(false);
        if (made) this.#send(made);
        this.button.focus();
      }),
    );
    this.element.querySelector("input")?.focus();
  }
}

function form(done: (made: Judgement | null) => void): HTMLElement {
  const text = (name: string, width: string) =>
    h("input", { class: `annotation-${width}`, "aria-label": name, placeholder: name });
  const label = text("label", "label");
  const score = text("score", "score");
  score.inputMode = "decimal";
  const note = h("textarea", { rows: 2, "aria-label": "note", placeholder: "note", dir: "auto" });
  for (const box of [label, note]) box.maxLength = MOST_CHARS;
  const save = h("button", { class: "annotation-save", type: "submit", text: "Save" });
  const cancel = h("button", { text: "Cancel" });
  const read = (): Judgement => ({
    label: label.value.trim(),
    note: note.value.trim(),
    score: score.value.trim() === "" ? null : Number(score.value.replace(",", ".")),
  });
  const check = () => {
    const made = read();
    const isNumber = made.score === null || Number.isFinite(made.score);
    setAttribute(score, "aria-invalid", isNumber ? null : "true");
    save.disabled = !isNumber || (made.label === "" && made.note === "" && made.score === null);
  };
  const element = h(
    "form",
    { class: "annotation-form", "aria-label": "Annotation" },
    label,
    ...LABELS.map((word) => {
      const button = h("button", { class: "chip", text: word });
      button.addEventListener("click", () => {
        label.value = word;
        check();
      });
      return button;
    }),
    score,
    note,
    h("div", { class: "annotation-buttons" }, save, cancel),
  );
  element.addEventListener("input", check);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!save.disabled) done(read());
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    done(null);
  });
  cancel.addEventListener("click", () => done(null));
  check();
  return element;
}

/** A judgement as a badge; `retract` is left out where nothing can be published. */
export function badgeElement(badge: Badge, retract?: () => void): HTMLElement {
  const { name, label, score, note, annotator, sequence } = badge;
  const named = name === "" || name === "annotation" ? "" : `${name}: `;
  const value = score === null ? "" : String(Math.round(score * 1e4) / 1e4);
  const words = [label, value].filter(Boolean).join(" · ") || note || "annotation";
  const about = `annotated by ${annotator || "somebody"} (event ${sequence})`;
  const element = h("span", {
    class: "badge",
    title: visible([note, about].filter(Boolean).join("\n")),
  });
  const shown = visibleLine(named + words);
  element.append(
    icon("tag"),
    shown.length > SHOWN_CHARS ? `${shown.slice(0, SHOWN_CHARS)}…` : shown,
  );
  if (note && note !== words)
    element.append(
      h("span", { class: "badge-note", text: visibleLine(note.slice(0, SHOWN_CHARS)) }),
    );
  if (!retract) return element;
  const title = "take this annotation back";
  const button = h(
    "button",
    { class: "badge-off", title: title, "aria-label": title },
    icon("cross"),
  );
  button.addEventListener("click", retract);
  element.append(button);
  return element;
}
