// What the tests ask of the page, apart from what a person could see and click.
// JupyterLab and Notebook 7 both hand their application out as `window.jupyterapp`.
window.axonTest = {
  panel() {
    const widgets = [...(window.jupyterapp?.shell.widgets("main") ?? [])];
    return widgets.find((widget) => widget.sessionContext && widget.content?.widgets) ?? null;
  },

  kernel() {
    return this.panel()?.sessionContext.session?.kernel ?? null;
  },

  idle() {
    const kernel = this.kernel();
    if (kernel?.connectionStatus !== "connected" || kernel.status !== "idle") return false;
    const running = (cell) => cell.promptNode?.textContent.includes("*");
    return !this.panel().content.widgets.some(running);
  },

  async open(path) {
    const { commands } = window.jupyterapp;
    const panel = await commands.execute("docmanager:open", { path, factory: "Notebook" });
    await panel.context.ready;
    await panel.sessionContext.ready;
  },

  // Close every document, saved or not; false where a dialog is open.
  closeAll() {
    if (document.querySelector(".jp-Dialog") || !window.jupyterapp) return false;
    for (const widget of [...window.jupyterapp.shell.widgets("main")]) widget.dispose();
    return true;
  },

  async run(command, index) {
    const notebook = this.panel().content;
    if (index !== null) {
      notebook.activeCellIndex = index;
      notebook.deselectAll();
    }
    await window.jupyterapp.commands.execute(command);
  },

  async execute(code) {
    const answer = { text: "", error: null };
    const future = this.kernel().requestExecute({ code, store_history: false });
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === "stream") answer.text += content.text;
      else if (header.msg_type === "error") answer.error = `${content.ename}: ${content.evalue}`;
      else if (content.data?.["text/plain"]) answer.text += content.data["text/plain"];
    };
    await future.done;
    return answer;
  },

  frames(milliseconds) {
    return new Promise((resolve) => {
      const times = [];
      const longTasks = [];
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) longTasks.push(entry.duration);
      });
      observer.observe({ type: "longtask" });
      const tick = (now) => {
        times.push(now);
        if (now - times[0] < milliseconds) {
          requestAnimationFrame(tick);
          return;
        }
        observer.disconnect();
        resolve({ frames: times.slice(1).map((time, i) => time - times[i]), longTasks });
      };
      requestAnimationFrame(tick);
    });
  },
};
