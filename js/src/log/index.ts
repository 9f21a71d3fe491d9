// The execution log as anywidget wants it: `initialize` owns the data, `render` owns the DOM.

import type { RenderProps } from "@anywidget/types";
import { asBytes, inflate, modelChannel } from "../conn.ts";
import type { LogSnapshot } from "../protocol.ts";
import { LogSession, SNAPSHOT_AFTER_MS } from "./session.ts";
import type { Model, Traits } from "./settings.ts";
import { View } from "./view.ts";

interface Lifetime {
  /** anywidget 0.11 and later; earlier ones only call what is returned. */
  signal?: AbortSignal;
}

export default () => {
  let session: LogSession | null = null;

  return {
    initialize({ model, signal }: { model: Model } & Lifetime) {
      const life = lifetime(signal);
      session = begin(model, life.signal);
      return life.end;
    },
    render({ model, el, signal }: RenderProps<Traits> & Lifetime) {
      const life = lifetime(signal);
      session ??= begin(model, life.signal);
      new View(session, model, el, life.signal);
      return life.end;
    },
  };
};

function begin(model: Model, signal: AbortSignal): LogSession {
  const session = new LogSession(modelChannel(model, signal), signal);
  const events = model as unknown as { on(name: string, run: () => void): void };
  // Fired by Jupyter's front ends when the comm dies or comes back; others do not know it.
  events.on("comm_live_update", () => session.kernelGone());
  const timer = setTimeout(() => {
    restore(model, session).catch((error: unknown) => session.fail(error));
  }, SNAPSHOT_AFTER_MS);
  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  return session;
}

/** No kernel speaks: show what was saved. */
async function restore(model: Model, session: LogSession): Promise<void> {
  const bytes = asBytes(model.get("_snapshot") ?? undefined);
  if (bytes.byteLength === 0) return;
  const text = new TextDecoder().decode(await inflate(bytes));
  session.load(JSON.parse(text) as LogSnapshot);
}

function lifetime(outer: AbortSignal | undefined): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const end = () => controller.abort();
  outer?.addEventListener("abort", end, { once: true });
  return { signal: controller.signal, end };
}
