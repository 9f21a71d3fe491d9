import { expect, test } from "vitest";
import { type Job, Jobs, READING, SEARCHING } from "../../src/log/jobs.ts";

test("what is more urgent comes first, also when it comes late; equals take turns", async () => {
  const life = new AbortController();
  const jobs = new Jobs(life.signal);
  const done: string[] = [];
  const job = (name: string, urgency: Job["urgency"], slices: number): Job => ({
    urgency,
    slice: () => {
      done.push(name);
      if (name === "a" && done.length === 1) jobs.start(reading);
      return --slices === 0;
    },
  });
  const reading = job("r", READING, 2);
  jobs.start(job("a", SEARCHING, 2));
  jobs.start(job("b", SEARCHING, 2));
  while (!jobs.idle) await new Promise((resolve) => setTimeout(resolve));
  life.abort();

  expect(done.join("")).toBe("arrbab");
});

test("nothing goes on after the end", async () => {
  const life = new AbortController();
  const jobs = new Jobs(life.signal);
  let slices = 0;
  const ended = new Promise<void>((resolve) => {
    jobs.start({
      urgency: SEARCHING,
      slice: () => {
        slices++;
        life.abort();
        setTimeout(resolve, 20);
        return false;
      },
    });
  });
  await ended;

  expect(slices).toBe(1);
});
