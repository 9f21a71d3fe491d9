// The event viewer: what all its views share is the session.

import { Session } from "../events/event-session.ts";
import type { Snapshot } from "../kernel/protocol.ts";
import { widget } from "../kernel/widget.ts";
import { EventView } from "./event-view.ts";
import type { Traits } from "./viewer-traits.ts";

export default widget<Traits, Session, Snapshot>(
  (channel, model, signal) => {
    const session = new Session(channel, signal);
    session.maxChars = model.get("max_bytes") || Number.POSITIVE_INFINITY;
    return session;
  },
  (session) => session,
  (session, model, el, signal) => void new EventView(session, model, el, signal),
);

export { mount } from "../kernel/saved-file.ts";
