// A widget as anywidget wants it: `initialize` owns the data, `render` owns the DOM.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { asBytes, type Channel, inflate, modelChannel } from "./connection.ts";
import { SNAPSHOT_AFTER_MS } from "./kernel-facts.ts";
import { SavedModel } from "./saved-file.ts";
import { keepOutOfSavedState } from "./saved-state.ts";

interface Lifetime {
  /** anywidget 0.11 and later; earlier ones only call what is returned. */
  signal?: AbortSignal;
}

/** Deflated JSON of what was saved with the notebook; empty while the stream runs. */
interface Saved {
  _snapshot: DataView | ArrayBuffer | null;
}

interface Live<Snapshot> {
  kernelGone(): void;
  load(snapshot: Snapshot): void;
  fail(error: unknown): void;
}

/**
 * `open` makes what all views of a model share, `show` makes one view.
 * `liveOf` is the part of the former that hears the kernel.
 */
export function widget<Traits extends Saved, Data, Snapshot>(
  open: (channel: Channel, model: AnyModel<Traits>, signal: AbortSignal) => Data,
  liveOf: (data: Data) => Live<Snapshot>,
  show: (data: Data, model: AnyModel<Traits>, el: HTMLElement, signal: AbortSignal) => void,
) {
  const begin = (model: AnyModel<Traits>, signal: AbortSignal): Data => {
    keepOutOfSavedState(model.widget_manager);
    let live: Live<Snapshot> | null = null;
    const gone = () => live?.kernelGone();
    const data = open(modelChannel(model, signal, gone), model, signal);
    const found = liveOf(data);
    live = found;
    const events = model as unknown as { on(name: string, run: () => void): void };
    // Fired by Jupyter's front ends when the comm dies or comes back; others do not know it.
    events.on("comm_live_update", gone);
    const timer = setTimeout(() => {
      restore(model, found).catch((error: unknown) => found.fail(error));
    }, waitFor(model));
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    return data;
  };

  return () => {
    let data: Data | null = null;
    return {
      initialize({ model, signal }: { model: AnyModel<Traits> } & Lifetime) {
        const life = lifetime(signal);
        data = begin(model, life.signal);
        return life.end;
      },
      render({ model, el, signal }: RenderProps<Traits> & Lifetime) {
        const life = lifetime(signal);
        data ??= begin(model, life.signal);
        show(data, model, el, life.signal);
        return life.end;
      },
    };
  };
}

/** In a saved file no kernel will ever speak. */
function waitFor(model: unknown): number {
  return model instanceof SavedModel ? 0 : SNAPSHOT_AFTER_MS;
}

/** No kernel speaks: show what was saved. `load` knows better when one has spoken. */
async function restore<S>(model: AnyModel<Saved>, live: Live<S>): Promise<void> {
  const bytes = asBytes(model.get("_snapshot") ?? undefined);
  if (bytes.byteLength === 0) return;
  const text = new TextDecoder().decode(await inflate(bytes));
  live.load(JSON.parse(text) as S);
}

function lifetime(outer: AbortSignal | undefined): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const end = () => controller.abort();
  outer?.addEventListener("abort", end, { once: true });
  return { signal: controller.signal, end };
}
