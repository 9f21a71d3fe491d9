import { expect, test } from "vitest";
import { Slices } from "../../src/base/slices.ts";

/** Slices of `count` parts, and a promise of the last one. */
function counted(count: number, signal: AbortSignal) {
  let done = 0;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const slices = new Slices(() => {
    done++;
    if (done === count) end();
    return done === count;
  }, signal);
  return { slices, ended, done: () => done };
}

test("slices run until one says that it was the last, and can be started again", async () => {
  const owner = new AbortController();
  const { slices, ended, done } = counted(3, owner.signal);
  slices.start();
  slices.start();

  expect([slices.running, done()]).toEqual([true, 0]);
  await ended;
  await new Promise((resolve) => setTimeout(resolve));

  expect([slices.running, done()]).toEqual([false, 3]);
  owner.abort();
});

test("no slice runs after the owner has ended", async () => {
  const owner = new AbortController();
  const { slices, done } = counted(3, owner.signal);
  slices.start();
  owner.abort();
  await new Promise((resolve) => setTimeout(resolve));

  expect(done()).toBe(0);
});
