// What JupyterLab and Notebook 7 save of our widgets when "Save Widget State" is on: nothing.
//
// A saved state holds the whole script of every widget, and makes `jupyter nbconvert` prefer a live
// widget, whose manager comes from a CDN: offline the page shows nothing. Without it, everybody
// shows the snapshot that is saved as HTML. There is no public way to leave a model out
// (jupyter-widgets/ipywidgets#2598 asks for control of what is saved), so this wraps the method
// that the two collect the state with; a host that has no such method is left alone.

interface Saved {
  state: Record<string, { state?: { _anywidget_id?: unknown } }>;
}

interface Manager {
  get_state_sync?: ((options?: object) => Saved) & { withoutAxons?: true };
}

const OURS = /^axon_notebook\./;

/** `manager` is the host's widget manager, whatever that is. */
export function keepOutOfSavedState(manager: unknown): void {
  const host = manager as Manager | null | undefined;
  const collect = host?.get_state_sync;
  if (typeof collect !== "function" || collect.withoutAxons) return;
  const filtered = Object.assign(
    (options?: object): Saved => {
      const saved = collect.call(host, options);
      for (const [id, { state }] of Object.entries(saved.state)) {
        const kind = state?._anywidget_id;
        if (typeof kind === "string" && OURS.test(kind)) delete saved.state[id];
      }
      return saved;
    },
    { withoutAxons: true as const },
  );
  host!.get_state_sync = filtered;
}
