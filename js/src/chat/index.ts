// The chat: what all its views share is the talk.

import type { Snapshot } from "../protocol.ts";
import { widget } from "../widget.ts";
import type { Traits } from "./settings.ts";
import { Talk } from "./talk.ts";
import { View } from "./view.ts";

export default widget<Traits, Talk, Snapshot>(
  (channel, model, signal) => {
    const talk = new Talk(channel, model.get("protocol") ?? "acp", signal);
    talk.events.maxChars = model.get("max_bytes") || Number.POSITIVE_INFINITY;
    return talk;
  },
  ({ events }) => events,
  (talk, model, el, signal) => void new View(talk, model, el, signal),
);
