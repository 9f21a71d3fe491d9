// The comparison of two runs: its data are there when it is made, and do not change.

import type { AnyModel, RenderProps } from "@anywidget/types";
import { asBytes, inflate } from "../kernel/connection.ts";
import { keepOutOfSavedState } from "../kernel/saved-state.ts";
import type { Compared } from "./compare-model.ts";
import { CompareView, type Traits } from "./compare-view.ts";

async function read(model: AnyModel<Traits>): Promise<Compared> {
  const bytes = await inflate(asBytes(model.get("_snapshot") ?? undefined));
  return JSON.parse(new TextDecoder().decode(bytes)) as Compared;
}

export default () => ({
  initialize({ model }: { model: AnyModel<Traits> }) {
    keepOutOfSavedState(model.widget_manager);
  },
  render({ model, el }: RenderProps<Traits>) {
    // Not anywidget's own signal: older ones have none, and all call what is returned.
    const life = new AbortController();
    const view = new CompareView(model, el, life.signal);
    read(model).then(
      (compared) => view.show(compared),
      (error: unknown) => view.fail(error),
    );
    return () => life.abort();
  },
});

export { mount } from "../kernel/saved-file.ts";
