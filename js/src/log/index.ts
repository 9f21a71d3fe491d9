// The execution log: what all its views share is the session.

import type { LogSnapshot } from "../kernel/protocol.ts";
import { widget } from "../kernel/widget.ts";
import { LogSession } from "./log-session.ts";
import type { Traits } from "./log-traits.ts";
import { LogView } from "./log-view.ts";

export default widget<Traits, LogSession, LogSnapshot>(
  (channel, _model, signal) => new LogSession(channel, signal),
  (session) => session,
  (session, model, el, signal) => void new LogView(session, model, el, signal),
);

export { mount } from "../kernel/saved-file.ts";
