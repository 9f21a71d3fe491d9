// The event viewer: what all its views share is the session.

import { widget } from "../kernel/widget.ts";
import { TimelineSession, type TimelineSnapshot } from "../trace/timeline-session.ts";
import { EventView } from "./event-view.ts";
import type { Traits } from "./viewer-traits.ts";

export default widget<Traits, TimelineSession, TimelineSnapshot>(
  (channel, model, signal) => {
    const session = new TimelineSession(channel, signal);
    session.maxChars = model.get("max_bytes") || Number.POSITIVE_INFINITY;
    return session;
  },
  (session) => session,
  (session, model, el, signal) => void new EventView(session, model, el, signal),
);

export { mount } from "../kernel/saved-file.ts";
