// The table of runs: its data are there when it is made, and do not change.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { asBytes, inflate } from "../kernel/connection.ts";
import { keepOutOfSavedState } from "../kernel/saved-state.ts";
import type { Runs } from "./runs-model.ts";
import { RunsView, type Traits } from "./runs-view.ts";

async function read(model: AnyModel<Traits>): Promise<Runs> {
  const bytes = await inflate(asBytes(model.get("_snapshot") ?? undefined));
  return JSON.parse(new TextDecoder().decode(bytes)) as Runs;
}

export default () => ({
  initialize({ model }: { model: AnyModel<Traits> }) {
    keepOutOfSavedState(model.widget_manager);
  },
  render({ model, el }: RenderProps<Traits>) {
    const life = new AbortController();
    const view = new RunsView(model, el, life.signal);
    read(model).then(
      (runs) => view.show(runs),
      (error: unknown) => view.fail(error),
    );
    return () => life.abort();
  },
});

export { mount } from "../kernel/saved-file.ts";
