// The header's state in words.

import { type Status, statusOf } from "../events/event-status.ts";
import type { Chat } from "./chat.ts";

/** Of a reason, in the state line; all of it stands in the conversation. */
const REASON = 300;

/** The header's state: of the connection first, then of the agent. */
export function chatStatus(chat: Chat): Status {
  const status = statusOf(chat.session.facts);
  const { turns, session } = chat.outline;
  const nothing = status.empty.replace("No events yet. They appear here", "They appear here");
  const empty = turns.length > 0 ? "" : nothing.replace(/events?\b/g, "messages");
  if (status.sign !== "live") return { ...status, empty };
  if (session?.gone) {
    const line = `The agent is gone: ${session.gone.slice(0, REASON)}. A devbox with a broker_mount starts it again.`;
    return { ...status, sign: "bad", word: "agent gone", line, empty };
  }
  return { ...status, empty: turns.length > 0 ? "" : "No messages yet." };
}
