// The fields of a form or a choice: what is asked as controls, what was entered as values.

import type { Json } from "../base/json.ts";
import { visible, visibleLine } from "../base/visible.ts";
import type { Choice, Field } from "../trace/model.ts";
import { h } from "../ui/dom.ts";

const MOST_CHOICES = 100;
const TYPES: { readonly [format: string]: string } = {
  email: "email",
  uri: "url",
  date: "date",
  "date-time": "datetime-local",
};
let names = 0;

/** One field: its element, and its value; undefined for nothing. */
export interface FieldView {
  readonly element: HTMLElement;
  value(): Json | undefined;
  /** Why the value cannot be sent; "" if it can. */
  problem(): string;
}

export function fieldView(field: Field, changed: () => void): FieldView {
  const name = `axon-field-${++names}`;
  const label = visibleLine(field.title || field.id || "");
  const read = reader(field, name, changed);
  const required = field.required && field.type !== "boolean" && h("span", { text: " (required)" });
  const element = h(
    "fieldset",
    { class: "field", "data-type": field.type ?? "string" },
    h("legend", { dir: "auto" }, label, required),
    field.description
      ? h("div", { class: "field-about", dir: "auto", text: visible(field.description) })
      : null,
    read.control,
  );
  return {
    element,
    value: read.value,
    problem: () => problemOf(field, label, read.value()),
  };
}

interface Reading {
  control: HTMLElement;
  value(): Json | undefined;
}

function reader(field: Field, name: string, changed: () => void): Reading {
  if (field.type === "choice" || field.type === "choices") return choices(field, name, changed);
  if (field.type === "boolean") {
    const box = h("input", { type: "checkbox" });
    box.checked = field.default === true;
    return { control: h("label", { class: "choice" }, box, "Yes"), value: () => box.checked };
  }
  return text(field, changed);
}

function text(field: Field, changed: () => void): Reading {
  const isNumber = field.type === "integer" || field.type === "number";
  const type = field.secret ? "password" : isNumber ? "number" : TYPES[field.format ?? ""];
  const common = {
    class: "value-box",
    "aria-label": visibleLine(field.title || field.id || "value"),
  };
  const box =
    field.format === "multiline"
      ? h("textarea", { ...common, rows: 3 })
      : h("input", { ...common, type: type ?? "text", autocomplete: "off" });
  if (isNumber) box.setAttribute("step", field.type === "integer" ? "1" : "any");
  if (field.default !== undefined && field.default !== null && !field.secret)
    box.value = typeof field.default === "string" ? field.default : JSON.stringify(field.default);
  box.addEventListener("input", changed);
  const value = () => (box.value === "" ? undefined : isNumber ? Number(box.value) : box.value);
  return { control: box, value };
}

function choices(field: Field, name: string, changed: () => void): Reading {
  const isMany = field.type === "choices";
  const defaults = new Set(Array.isArray(field.default) ? field.default : [field.default ?? null]);
  const boxes = (field.choices ?? []).slice(0, MOST_CHOICES).map((choice) => {
    const box = h("input", { type: isMany ? "checkbox" : "radio", name });
    box.checked = defaults.has(choice.value ?? "");
    box.addEventListener("change", changed);
    return { box, choice };
  });
  const control = h(
    "div",
    { class: "choices" },
    ...boxes.map(({ box, choice }) => row(box, choice)),
  );
  const other = h("input", { class: "value-box", type: "text", "aria-label": "Another answer" });
  if (field.free_text) {
    other.placeholder = "another answer";
    other.addEventListener("input", () => {
      if (!isMany && other.value !== "") for (const { box } of boxes) box.checked = false;
      changed();
    });
    control.append(other);
  }
  const value = (): Json | undefined => {
    const found = boxes.filter(({ box }) => box.checked).map(({ choice }) => choice.value ?? "");
    if (other.value.trim() !== "") found.push(other.value.trim());
    return isMany ? (found.length > 0 ? found : undefined) : found.at(-1);
  };
  return { control, value };
}

function row(box: HTMLElement, { label, value, description, preview }: Choice): HTMLElement {
  const about = description && h("span", { class: "field-about", text: visible(description) });
  const words = h(
    "span",
    { dir: "auto" },
    h("b", { text: visibleLine(label || value || "") }),
    about,
  );
  const shown = preview && h("pre", { class: "code", tabindex: 0, text: visible(preview) });
  return h("div", {}, h("label", { class: "choice" }, box, words), shown || null);
}

function problemOf(field: Field, label: string, value: Json | undefined): string {
  if (value === undefined) return field.required ? `A value is required: ${label}` : "";
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return `${label}: not a number`;
    if (field.type === "integer" && !Number.isInteger(value)) return `${label}: not a whole number`;
  }
  const size =
    typeof value === "number"
      ? value
      : Array.isArray(value) || typeof value === "string"
        ? value.length
        : null;
  const unit = typeof value === "string" ? " characters" : Array.isArray(value) ? " choices" : "";
  if (size !== null && field.minimum != null && size < field.minimum)
    return `${label}: at least ${field.minimum}${unit}`;
  if (size !== null && field.maximum != null && size > field.maximum)
    return `${label}: at most ${field.maximum}${unit}`;
  return "";
}
