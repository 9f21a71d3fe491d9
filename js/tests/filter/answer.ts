// Answers filters as the page does, for tests/filtering/test_same_in_page.py: reads
// {tz_offset_min, names, cases: [{filter, events}]} as JSON, writes for each case the message of its
// error or which of its events pass.

import { readFileSync } from "node:fs";
import { Store } from "../../src/events/event-store.ts";
import { compileFilter, FilterError } from "../../src/filter/filter.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";

interface Question {
  filter: string;
  events: EventRecord[];
}

const { tz_offset_min, names, cases } = JSON.parse(readFileSync(0, "utf8")) as {
  tz_offset_min: number;
  /** Of axons by their ids. */
  names: Record<string, string>;
  cases: Question[];
};

/** Each axon has a lane of its own. */
function storeOf(events: readonly EventRecord[]): Store {
  const store = new Store();
  store.beginEpoch("");
  const ids = [...new Set(events.map(({ axon_id }) => axon_id))];
  for (const record of events) {
    const lane = store.lane(ids.indexOf(record.axon_id));
    store.nameAxon(lane, record.axon_id, names[record.axon_id] ?? "");
    store.add(record, "other", lane);
  }
  return store;
}

function answer({ filter, events }: Question): string | number[] {
  const store = storeOf(events);
  try {
    const { sieve } = compileFilter(filter, store, tz_offset_min);
    const passed = [...store.chunks.values()].flatMap((chunk) => {
      const inside = events.filter(({ sequence }) => chunk.type[sequence] !== 0);
      const slots = Uint16Array.from(inside, ({ sequence }) => sequence);
      return [...slots.subarray(0, sieve(chunk, slots, slots.length))];
    });
    return passed.sort((a, b) => a - b);
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    throw error;
  }
}

process.stdout.write(JSON.stringify(cases.map(answer)));
