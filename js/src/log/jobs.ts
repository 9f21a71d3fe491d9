// What is worked on for one log, in slices: the most urgent first, the rest stands aside.

import { Slices } from "../base/slices.ts";

export const READING = 0;
export const SEARCHING = 1;

export interface Job {
  urgency: typeof READING | typeof SEARCHING;
  /** Does a little and returns whether that was all. */
  slice(): boolean;
}

/** Jobs of the same urgency take turns. */
export class Jobs {
  readonly #slices: Slices;
  #jobs: Job[] = [];

  constructor(signal: AbortSignal) {
    this.#slices = new Slices(() => this.#work(), signal);
  }

  /** Whether there is nothing to do. */
  get idle(): boolean {
    return this.#jobs.length === 0;
  }

  start(job: Job): void {
    if (!this.#jobs.includes(job)) this.#add(job);
    this.#slices.start();
  }

  #work(): boolean {
    const job = this.#jobs[0]!;
    const done = job.slice();
    this.#jobs = this.#jobs.filter((other) => other !== job);
    if (!done) this.#add(job);
    return this.idle;
  }

  #add(job: Job): void {
    const at = this.#jobs.findIndex(({ urgency }) => urgency > job.urgency);
    this.#jobs.splice(at < 0 ? this.#jobs.length : at, 0, job);
  }
}
