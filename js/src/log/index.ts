// The execution log: what all its views share is the session.

import type { LogSnapshot } from "../protocol.ts";
import { widget } from "../widget.ts";
import { LogSession } from "./session.ts";
import type { Traits } from "./settings.ts";
import { View } from "./view.ts";

export default widget<Traits, LogSession, LogSnapshot>(
  (channel, _model, signal) => new LogSession(channel, signal),
  (session) => session,
  (session, model, el, signal) => void new View(session, model, el, signal),
);
