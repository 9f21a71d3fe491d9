// Answers filters as the page does, for tests/filtering/test_same_in_page.py: reads
// {tz_offset_min, cases: [{filter, events}]} as JSON, writes for each case the message of its error
// or which of its events pass.

import { readFileSync } from "node:fs";
import { compileFilter, FilterError } from "../../src/filter/filter.ts";
import type { EventRecord } from "../../src/kernel/protocol.ts";
import { storeOf } from "../events/make.ts";

interface Question {
  filter: string;
  events: EventRecord[];
}

const { tz_offset_min, cases } = JSON.parse(readFileSync(0, "utf8")) as {
  tz_offset_min: number;
  cases: Question[];
};

function answer({ filter, events }: Question): string | number[] {
  const store = storeOf(events);
  try {
    const { sieve } = compileFilter(filter, store, tz_offset_min);
    const slots = Uint16Array.from(events, (event) => event.sequence);
    return [...slots.subarray(0, sieve(store.chunks.get(0)!, slots, slots.length))];
  } catch (error) {
    if (error instanceof FilterError) return error.message;
    throw error;
  }
}

process.stdout.write(JSON.stringify(cases.map(answer)));
