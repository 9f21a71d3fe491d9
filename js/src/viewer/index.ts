// The event viewer: what all its views share is the session.

import { Session } from "../events/session.ts";
import type { Snapshot } from "../protocol.ts";
import { widget } from "../widget.ts";
import type { Traits } from "./settings.ts";
import { View } from "./view.ts";

export default widget<Traits, Session, Snapshot>(
  (channel, model, signal) => {
    const session = new Session(channel, signal);
    session.maxChars = model.get("max_bytes") || Number.POSITIVE_INFINITY;
    return session;
  },
  (session) => session,
  (session, model, el, signal) => void new View(session, model, el, signal),
);
