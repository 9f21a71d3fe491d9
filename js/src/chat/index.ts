// The chat as anywidget wants it: `initialize` owns the data, `render` owns the DOM.

import type { RenderProps } from "@anywidget/types";
import { asBytes, inflate, modelChannel } from "../conn.ts";
import type { Snapshot } from "../protocol.ts";
import { SNAPSHOT_AFTER_MS } from "../viewer/session.ts";
import type { Model, Traits } from "./settings.ts";
import { Talk } from "./talk.ts";
import { View } from "./view.ts";

interface Lifetime {
  /** anywidget 0.11 and later; earlier ones only call what is returned. */
  signal?: AbortSignal;
}

export default () => {
  let talk: Talk | null = null;

  return {
    initialize({ model, signal }: { model: Model } & Lifetime) {
      const life = lifetime(signal);
      talk = begin(model, life.signal);
      return life.end;
    },
    render({ model, el, signal }: RenderProps<Traits> & Lifetime) {
      const life = lifetime(signal);
      talk ??= begin(model, life.signal);
      new View(talk, model, el, life.signal);
      return life.end;
    },
  };
};

function begin(model: Model, signal: AbortSignal): Talk {
  const talk = new Talk(modelChannel(model, signal), model.get("protocol") ?? "acp", signal);
  const { events } = talk;
  events.maxChars = model.get("max_bytes") || Number.POSITIVE_INFINITY;
  const host = model as unknown as { on(name: string, run: () => void): void };
  // Fired by Jupyter's front ends when the comm dies or comes back; others do not know it.
  host.on("comm_live_update", () => events.kernelGone());
  const timer = setTimeout(() => {
    restore(model, talk).catch((error: unknown) => events.fail(error));
  }, SNAPSHOT_AFTER_MS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return talk;
}

/** No kernel speaks: show what was saved. */
async function restore(model: Model, { events }: Talk): Promise<void> {
  const bytes = asBytes(model.get("_snapshot") ?? undefined);
  if (events.conn.heard || bytes.byteLength === 0) return;
  const text = new TextDecoder().decode(await inflate(bytes));
  events.load(JSON.parse(text) as Snapshot);
}

function lifetime(outer: AbortSignal | undefined): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const end = () => controller.abort();
  outer?.addEventListener("abort", end, { once: true });
  return { signal: controller.signal, end };
}
