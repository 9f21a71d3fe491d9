// Files that go with the next prompt: chosen, pasted or dropped, shown until they are sent.

import { size } from "../base/format.ts";
import { visibleLine } from "../base/visible.ts";
import { h, on } from "./dom.ts";
import { icon } from "./icons.ts";

/** A file that goes with a prompt; `data` is base64. */
export interface FileData {
  name: string;
  data: string;
}

/** Of all files of a prompt: a message to the kernel has no room for more. */
const MOST_BYTES = 6_000_000;

export class Attaching {
  readonly list = h("div", { class: "files", hidden: true });
  readonly button = h("button", {
    class: "attach",
    title: "attach files (or paste, or drop them)",
    "aria-label": "attach files",
  });
  files: FileData[] = [];

  constructor(
    area: HTMLElement,
    private readonly problem: (text: string) => void,
    private readonly changed: () => void,
    signal: AbortSignal,
  ) {
    this.button.append(icon("clip"));
    const input = h("input", { type: "file", multiple: true, hidden: true });
    this.button.append(input);
    on(this.button, "click", (event) => event.target !== input && input.click(), signal);
    on(input, "change", () => this.#take(input.files, () => (input.value = "")), signal);
    on(area, "paste", (event) => this.#given(event, event.clipboardData), signal);
    on(area, "dragover", (event) => event.preventDefault(), signal);
    on(area, "drop", (event) => this.#given(event, event.dataTransfer), signal);
  }

  clear(): void {
    this.#set([]);
  }

  /** Put files back that could not be sent. */
  restore(files: readonly FileData[]): void {
    this.#set([...files]);
  }

  #given(event: Event, data: DataTransfer | null): void {
    if (!data || data.files.length === 0) return;
    event.preventDefault();
    this.#take(data.files);
  }

  async #take(list: FileList | null, taken = () => {}): Promise<void> {
    const chosen = [...(list ?? [])];
    const total = chosen.reduce((sum, file) => sum + file.size, this.#size());
    if (total > MOST_BYTES) {
      this.problem(
        `${size(total)} of files are too much for one prompt: at most ${size(MOST_BYTES)}. ` +
          "Larger ones go by session.prompt(text, [path]).",
      );
      return;
    }
    try {
      const read = await Promise.all(chosen.map(fileData));
      this.#set([...this.files, ...read]);
    } catch (error) {
      this.problem(`the file cannot be read: ${error}`);
    }
    taken();
  }

  #size(): number {
    return this.files.reduce((sum, { data }) => sum + (data.length * 3) / 4, 0);
  }

  #set(files: FileData[]): void {
    this.files = files;
    this.list.hidden = files.length === 0;
    this.list.replaceChildren(
      ...files.map((file) => {
        const title = `do not attach ${visibleLine(file.name)}`;
        const off = h("button", { class: "file-off", title, "aria-label": title }, icon("cross"));
        off.addEventListener("click", () => this.#set(this.files.filter((one) => one !== file)));
        const about = `${visibleLine(file.name)} · ${size((file.data.length * 3) / 4)}`;
        return h("span", { class: "attached" }, icon("clip"), about, off);
      }),
    );
    this.changed();
  }
}

async function fileData(file: File): Promise<FileData> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  return { name: file.name || "attachment", data: url.slice(url.indexOf(",") + 1) };
}
