// The chat: what all its views share is the conversation.

import type { ChatSnapshot } from "../kernel/protocol.ts";
import { widget } from "../kernel/widget.ts";
import { Chat } from "./chat.ts";
import type { Traits } from "./chat-traits.ts";
import { View } from "./chat-view.ts";

export default widget<Traits, Chat, ChatSnapshot>(
  (channel, model, signal) => new Chat(channel, signal, model.get("turn") ?? 0),
  ({ session }) => session,
  (chat, model, el, signal) => void new View(chat, model, el, signal),
);

export { mount } from "../kernel/saved-file.ts";
