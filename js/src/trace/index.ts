// The timeline: what all its views share is the session.

import { widget } from "../kernel/widget.ts";
import { TimelineSession, type TimelineSnapshot } from "./timeline-session.ts";
import type { Traits } from "./timeline-traits.ts";
import { TimelineView } from "./timeline-view.ts";

export default widget<Traits, TimelineSession, TimelineSnapshot>(
  (channel, _model, signal) => new TimelineSession(channel, signal),
  (session) => session,
  (session, model, el, signal) => void new TimelineView(session, model, el, signal),
);

export { mount } from "../kernel/saved-file.ts";
