// The chat: what all its views share is the talk.

import type { Snapshot } from "../kernel/protocol.ts";
import { widget } from "../kernel/widget.ts";
import type { Traits } from "./chat-traits.ts";
import { View } from "./chat-view.ts";
import { Talk } from "./talk.ts";

export default widget<Traits, Talk, Snapshot>(
  (channel, model, signal) => {
    const talk = new Talk(channel, model.get("protocol") ?? "acp", signal);
    talk.events.maxChars = model.get("max_bytes") || Number.POSITIVE_INFINITY;
    return talk;
  },
  ({ events }) => events,
  (talk, model, el, signal) => void new View(talk, model, el, signal),
);
