// What tests have in common: output that is there, and numbers that are the same every time.

import type { LogStore, StreamName } from "../../src/log/output-store.ts";

const utf8 = new TextEncoder();

/** Output that came and has been read. */
export function give(store: LogStore, stream: StreamName, text: string, atMs = 1): void {
  store.append(stream, utf8.encode(text), atMs);
  store.read(Number.POSITIVE_INFINITY);
}

/** The stream is over. */
export function end(store: LogStore, stream: StreamName): void {
  store.finish(stream, store.now);
  store.read(Number.POSITIVE_INFINITY);
}

/** The same numbers every time. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
