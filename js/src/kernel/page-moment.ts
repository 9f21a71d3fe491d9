// Which moment of an axon is looked at in this page: published by the viewer whose time bar moved, read
// by the chats of the same axon. It goes through the page, so it works while the kernel is busy.

const NAME = "axon-notebook-moment";

interface Moment {
  axon: string;
  /** The newest event that counts; null for live. */
  sequence: number | null;
}

/** The axon's moment is after the event with this sequence. */
export function tellMoment(axon: string, sequence: number | null): void {
  const detail: Moment = { axon, sequence };
  if (axon !== "") document.dispatchEvent(new CustomEvent(NAME, { detail }));
}

/** Call `moved` when a viewer of this axon moves, until the signal ends. */
export function onMoment(
  axon: string,
  moved: (sequence: number | null) => void,
  signal: AbortSignal,
): void {
  const hear = (event: Event) => {
    const { detail } = event as CustomEvent<Moment>;
    if (detail.axon === axon) moved(detail.sequence);
  };
  document.addEventListener(NAME, hear, { signal });
}
