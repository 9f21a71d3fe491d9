// Two things that only the page can do, in JupyterLab 4 and Notebook 7.
//
// A prebuilt ("federated") extension, written by hand: JupyterLab loads this file, calls `init`
// with its shared modules, and takes the plugins from `get("./extension")`.
//
// Colours for the languages inside our cells.  Only the language named "ipython" changes, the one
// of cells with an IPython kernel: a cell that begins with one of our cell magics is parsed as a
// magic line and a body in the body's language; a line magic `%axonsql` is an island of SQL
// within Python.  Everything else stays what it was.
//
// And the saved snapshot, where a display of ours has no live widget to show.
"use strict";

(() => {
  const NAME = "axon-notebook";

  // The language of a cell's body → the name under which JupyterLab registers it; a body in any
  // other language stays plain.
  const REGISTERED = { sql: "SQLite", json: "JSON", shell: "Shell" };

  // Cell magic → the language of its body: made at build time from the table of the Python package.
  const TABLE = new URL("magics.json", document.currentScript.src);

  // What may stand before a cell magic: blank lines, comments, and magics that time or
  // capture the rest of the cell.
  const CELL =
    /^(?:[ \t]*(?:#.*)?\n|%%(?:time|timeit|capture|prun)\b.*\n)*%%(axon\w*)/;

  // `%axonsql …` alone on its line or assigned, with backslash continuations.
  const LINE =
    /^([ \t]*(?:[\w.,[\]'" \t]+=[ \t]*)?)%axonsql(?!\w)((?:[^\\\n]|\\[^\n]|\\\n)*)/gm;

  // The options of a magic line end where a statement or a comment begins.
  const STATEMENT = new RegExp(
    "\\s(?:--\\s|/\\*|\\((?=\\s*(?:select|with|values)\\b)|(?:alter|analyze|attach|begin|commit" +
      "|create|delete|detach|drop|end|explain|insert|pragma|reindex|release|replace|rollback" +
      "|savepoint|select|update|vacuum|values|with)\\b)",
    "i",
  );

  /** Offset in `line` at which SQL begins; its length if there is none. */
  function startOfSql(line) {
    const blank = line.search(STATEMENT);
    return blank < 0 ? line.length : blank + 1;
  }

  /** Our cell magic, if `text` begins with one: its name, and where its line and its body start. */
  function cellMagic(text, magics) {
    const match = CELL.exec(text);
    if (!match || !Object.hasOwn(magics, match[1])) return null;
    const magic = match[1];
    const start = match[0].length - magic.length - 2;
    const newline = text.indexOf("\n", match[0].length);
    const lineEnd = newline < 0 ? text.length : newline;
    const afterName = match[0].length;
    const sql = magics[magic] === "sql" ? startOfSql(text.slice(afterName, lineEnd)) : Infinity;
    const body = Math.min(afterName + sql, lineEnd);
    return { magic, start, body };
  }

  /** Where each `%axonsql` in `text` begins and ends. */
  function lineMagics(text) {
    if (!text.includes("%axonsql")) return [];
    return [...text.matchAll(LINE)].map((match) => ({
      from: match.index + match[1].length,
      to: match.index + match[0].length,
    }));
  }

  /** A parse that is done in one step: `build(end)` makes the tree up to there. */
  class OneStep {
    constructor(end, build) {
      this.end = end;
      this.build = build;
      this.parsedPos = 0;
      this.stoppedAt = null;
    }

    stopAt(position) {
      this.stoppedAt = position;
    }

    advance() {
      this.parsedPos = Math.min(this.end, this.stoppedAt ?? this.end);
      return this.build(this.parsedPos);
    }
  }

  /** The types of our own nodes; `data` is what editors look up Python's comment marks by. */
  function nodeTypes({ language, lezer, highlight }, data) {
    const names = ["Cell", "Comment", "Percents", "Body"];
    const define = (name, id) => {
      const props = name === "Cell" ? [[language.languageDataProp, data]] : [];
      return lezer.NodeType.define({ id, name, top: name === "Cell", props });
    };
    const { types } = new lezer.NodeSet(names.map(define)).extend(
      highlight.styleTags({
        Comment: highlight.tags.lineComment,
        Percents: highlight.tags.operator,
      }),
    );
    return Object.fromEntries(names.map((name, id) => [name, types[id]]));
  }

  /**
   * JupyterLab's theme has no colour for the tags that bound names and types have by default.
   * And Enter keeps the indentation, instead of adding some after a statement's first line.
   */
  function suitedSql({ language, highlight }, parser) {
    const { styleTags, tags } = highlight;
    return parser?.configure({
      props: [
        styleTags({
          SpecialVar: tags.special(tags.variableName),
          "Type Builtin": tags.standard(tags.variableName),
        }),
        language.indentNodeProp.add({ Statement: () => null }),
      ],
    });
  }

  /** Python, with islands of SQL where its line magics are. */
  function withLineMagics({ lezer }, types, python, sql) {
    // Each range on its own, so that an open quote ends with its line.
    class SqlLines extends lezer.Parser {
      createParse(input, fragments, ranges) {
        const start = ranges[0].from;
        const end = ranges.at(-1).to;
        return new OneStep(end, () => {
          const nodes = [];
          const places = [];
          for (const { from, to } of ranges) {
            const line = input.read(from, to);
            const statement = startOfSql(line);
            nodes.push(new lezer.Tree(types.Percents, [], [], 1), sql.parse(line.slice(statement)));
            places.push(from - start, from - start + statement);
          }
          return new lezer.Tree(lezer.NodeType.none, nodes, places, end - start);
        });
      }
    }
    const parser = new SqlLines();

    const isWithinString = (node) => {
      for (let at = node; at; at = at.parent) if (at.name.includes("String")) return true;
      return false;
    };

    return python.configure({
      wrap: lezer.parseMixed((node, input) => {
        if (!node.type.isTop || !sql) return null;
        const overlay = lineMagics(input.read(node.from, node.to)).filter(
          ({ from }) => !isWithinString(node.node.resolveInner(node.from + from, 1)),
        );
        return overlay.length ? { parser, overlay } : null;
      }),
    });
  }

  /** The magic line, what stands above it, and a body for another parser to fill. */
  function skeleton({ lezer }, types, text, { start, body }, end) {
    const nodes = [];
    const places = [];
    const put = (type, from, to) => {
      if (from >= end || from >= to) return;
      nodes.push(new lezer.Tree(type, [], [], Math.min(to, end) - from));
      places.push(from);
    };
    for (const { 0: line, index } of text.slice(0, start).matchAll(/^.+/gm)) {
      const mark = line.trimStart();
      const from = index + line.length - mark.length;
      if (mark.startsWith("#")) put(types.Comment, from, index + line.length);
      if (mark.startsWith("%%")) put(types.Percents, from, from + 2);
    }
    put(types.Percents, start, start + 2);
    put(types.Body, body, end);
    return new lezer.Tree(types.Cell, nodes, places, end);
  }

  /** A parser for whole cells: `bodies[language]` for the body of ours, `python` for all others. */
  function cellParser(modules, types, python, magics, bodies) {
    const { Parser, parseMixed } = modules.lezer;
    const filling = (parser) =>
      parseMixed((node) => (node.type === types.Body && parser ? { parser } : null));
    const fill = new Map(
      Object.entries(magics).map(([magic, language]) => [magic, filling(bodies[language])]),
    );

    class Cell extends Parser {
      createParse(input, fragments, ranges) {
        const whole = ranges.length === 1 && ranges[0].from === 0;
        const text = whole ? input.read(0, ranges[0].to) : "";
        const found = cellMagic(text, magics);
        if (!found) return python.startParse(input, fragments, ranges);
        const build = (end) => skeleton(modules, types, text, found, end);
        return fill.get(found.magic)(new OneStep(text.length, build), input, fragments, ranges);
      }
    }
    return new Cell();
  }

  /** The language support that replaces plain Python's. */
  function support(modules, python, magics, parsers) {
    const { Language, LanguageSupport } = modules.language;
    const { data, name, parser } = python.language;
    const types = nodeTypes(modules, data);
    const bodies = { ...parsers, sql: suitedSql(modules, parsers.sql) };
    const lines = withLineMagics(modules, types, parser, bodies.sql);
    const cells = cellParser(modules, types, lines, magics, bodies);
    return new LanguageSupport(new Language(data, cells, [], name), python.support);
  }

  /** Take the parser that JupyterLab has for each kind of body; a missing one leaves it plain. */
  async function bodyParsers(languages) {
    const found = {};
    for (const [language, name] of Object.entries(REGISTERED)) {
      if (!languages.findByName(name)) continue;
      found[language] = (await languages.getLanguage(name)).support.language.parser;
    }
    return found;
  }

  /** Fetch the table; after an update of the package the browser must not answer with the old one. */
  async function fetchMagics() {
    const response = await fetch(TABLE, { cache: "no-cache" });
    if (!response.ok) throw new Error(`${TABLE}: ${response.status} ${response.statusText}`);
    return response.json();
  }

  function activate(modules, languages) {
    const ipython = languages.findByName("ipython");
    const loadPython = ipython.load;
    // The original `load` notes its result on `this`; a stand-in keeps plain Python from being
    // found there by the next cell while the other parsers are still on their way.
    const plain = loadPython.call(Object.create(ipython));
    const combined = Promise.all([plain, fetchMagics(), bodyParsers(languages)])
      .then(([python, magics, parsers]) => support(modules, python, magics, parsers))
      .catch((reason) => {
        console.warn(`${NAME}: cells keep Python's colours`, reason);
        return plain;
      });
    ipython.load = () => combined;
    ipython.support = undefined;
    // A load that was under way before ours would otherwise have the last word.
    combined.then((loaded) => (ipython.support = loaded));
  }

  const VIEW = "application/vnd.jupyter.widget-view+json";

  // What the kernel wraps the HTML in that it saves beside a live widget.
  const SNAPSHOT = '<div class="axon-snapshot">';

  // How long the place stays with the widget manager alone: a live widget takes less.
  const PATIENCE_MS = 500;

  /**
   * Let a renderer of live widgets fall back to the snapshot in the same output.
   *
   * In a trusted notebook the widget manager is asked first, and says "Loading widget..." or
   * "model not found" for as long as the kernel that saved the output is gone.  Both are bare text
   * in its node: an element there means that it has something to show.
   */
  function fallBack(renderer, registry) {
    const renderLive = renderer.renderModel;
    let newest;
    let snapshot;

    const remove = () => {
      snapshot?.node.remove();
      snapshot?.dispose();
      snapshot = undefined;
    };

    // The same node again for the same HTML: what somebody opened in it stays open.
    const showUnlessLive = (model, html) => {
      const { node, isDisposed, isHidden } = renderer;
      if (model !== newest || isDisposed || isHidden) return;
      const first = node.firstElementChild;
      if (first && first !== snapshot?.node) return remove();
      renderer.removeClass("jupyter-widgets");
      if (snapshot?.html === html) return node.replaceChildren(snapshot.node);
      remove();
      snapshot = registry.createRenderer("text/html");
      snapshot.html = html;
      node.replaceChildren(snapshot.node);
      return snapshot.renderModel(model);
    };

    renderer.renderModel = async (model) => {
      newest = model;
      const html = [model.data["text/html"]].flat().join("");
      if (!html.startsWith(SNAPSHOT)) {
        remove();
        return renderLive.call(renderer, model);
      }
      const live = renderLive.call(renderer, model);
      if (snapshot) showUnlessLive(model, html);
      const timer = setTimeout(showUnlessLive, PATIENCE_MS, model, html);
      await live.finally(() => clearTimeout(timer));
      await showUnlessLive(model, html);
    };
    renderer.disposed.connect(remove);
  }

  /** Watch over every renderer of live widgets; the manager brings its own for each notebook. */
  function watchRenderers({ RenderMimeRegistry }) {
    const { createRenderer } = RenderMimeRegistry.prototype;
    RenderMimeRegistry.prototype.createRenderer = function (type, ...options) {
      const renderer = createRenderer.call(this, type, ...options);
      if (type === VIEW) fallBack(renderer, this);
      return renderer;
    };
  }

  let scope;

  /** Take a module that JupyterLab shares, the version it uses itself. */
  async function shared(name) {
    const offers = Object.values(scope[name]);
    const entry = offers.find(({ loaded }) => loaded) ?? offers[0];
    return (await entry.get())();
  }

  /** Both plugins on their own, so that neither takes the other along when it fails. */
  async function plugins() {
    const [codemirror, language, lezer, highlight, rendermime] = await Promise.all(
      [
        "@jupyterlab/codemirror",
        "@codemirror/language",
        "@lezer/common",
        "@lezer/highlight",
        "@jupyterlab/rendermime",
      ].map(shared),
    );
    return [
      {
        id: `${NAME}:cells`,
        description: "Colours the languages in the cells of the axon magics.",
        autoStart: true,
        requires: [codemirror.IEditorLanguageRegistry],
        activate: (app, languages) => activate({ language, lezer, highlight }, languages),
      },
      {
        id: `${NAME}:snapshots`,
        description: "Shows what was saved where an axon widget has no kernel behind it.",
        autoStart: true,
        activate: () => watchRenderers(rendermime),
      },
    ];
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB[NAME] = {
    init(sharedScope) {
      scope = sharedScope;
    },
    async get(module) {
      if (module !== "./extension") throw new Error(`${NAME} has no module ${module}`);
      const extension = await plugins();
      return () => ({ __esModule: true, default: extension });
    },
  };
})();
