// Colours for the languages inside our cells, in JupyterLab 4 and Notebook 7.
//
// A prebuilt ("federated") extension, written by hand: JupyterLab loads this file, calls `init`
// with its shared modules, and takes the plugin from `get("./extension")`.  Only the language named
// "ipython" changes, the one of cells with an IPython kernel: a cell that begins with one of our
// cell magics is parsed as a magic line and a body in the body's language; a line magic
// `%axonsql` is an island of SQL within Python.  Everything else stays what it was.
"use strict";

(() => {
  const NAME = "axon-notebook";

  // Cell magic → the name under which JupyterLab registers the language of its body.
  const BODIES = { axonsql: "SQLite", axon_publish: "JSON", axon_run: "Shell" };

  // What may stand before our cell magic: blank lines, comments, and magics that time or
  // capture the rest of the cell.
  const CELL =
    /^(?:[ \t]*(?:#.*)?\n|%%(?:time|timeit|capture|prun)\b.*\n)*%%(axonsql|axon_publish|axon_run)(?!\w)/;

  // `%axonsql …` alone on its line or assigned, with backslash continuations.
  const LINE =
    /^([ \t]*(?:[\w.,[\]'" \t]+=[ \t]*)?)%axonsql(?!\w)((?:[^\\\n]|\\[^\n]|\\\n)*)/gm;

  // The options of a magic line end where a statement or a comment begins.
  const STATEMENT = new RegExp(
    "\\s(?:--\\s|/\\*|\\((?=\\s*(?:select|with|values)\\b)|(?:alter|analyze|attach|begin|commit|create" +
      "|delete|detach|drop|end|explain|insert|pragma|reindex|release|replace|rollback|savepoint" +
      "|select|update|vacuum|values|with)\\b)",
    "i",
  );

  /** Offset in `line` at which SQL begins; its length if there is none. */
  function startOfSql(line) {
    const blank = line.search(STATEMENT);
    return blank < 0 ? line.length : blank + 1;
  }

  /** Our cell magic, if `text` begins with one: its name, where its line starts, where its body does. */
  function cellMagic(text) {
    const match = CELL.exec(text);
    if (!match) return null;
    const magic = match[1];
    const start = match[0].length - magic.length - 2;
    const newline = text.indexOf("\n", match[0].length);
    const lineEnd = newline < 0 ? text.length : newline;
    const afterName = match[0].length;
    const sql = magic === "axonsql" ? startOfSql(text.slice(afterName, lineEnd)) : Infinity;
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

  /** Build the language support that replaces plain Python's. */
  function support(modules, python, bodies) {
    const { Language, LanguageSupport, indentNodeProp, languageDataProp } = modules.language;
    const { NodeSet, NodeType, Parser, Tree, parseMixed } = modules.lezer;
    const { styleTags, tags } = modules.highlight;

    const types = new NodeSet(
      ["Cell", "Comment", "Percents", "Body"].map((name, id) =>
        NodeType.define({
          id,
          name,
          top: id === 0,
          props: id === 0 ? [[languageDataProp, python.language.data]] : [],
        }),
      ),
    ).extend(styleTags({ Comment: tags.lineComment, Percents: tags.operator })).types;
    const [CELL_NODE, COMMENT, PERCENTS, BODY] = types;

    // JupyterLab's theme has no colour for the tags these have by default.  And Enter keeps the
    // indentation, instead of adding some after the first line of a statement.
    const sql = bodies.axonsql?.configure({
      props: [
        styleTags({
          SpecialVar: tags.special(tags.variableName),
          "Type Builtin": tags.standard(tags.variableName),
        }),
        indentNodeProp.add({ Statement: () => null }),
      ],
    });
    const parsers = { ...bodies, axonsql: sql };

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

    /** The magic line, and a body for another parser to fill. */
    function skeleton(text, { start, body }, end) {
      const nodes = [];
      const places = [];
      const put = (type, from, to) => {
        if (from >= end || from >= to) return;
        nodes.push(new Tree(type, [], [], Math.min(to, end) - from));
        places.push(from);
      };
      for (const { 0: line, index } of text.slice(0, start).matchAll(/^.+/gm)) {
        const mark = line.trimStart();
        const from = index + line.length - mark.length;
        if (mark.startsWith("#")) put(COMMENT, from, index + line.length);
        if (mark.startsWith("%%")) put(PERCENTS, from, from + 2);
      }
      put(PERCENTS, start, start + 2);
      put(BODY, body, end);
      return new Tree(CELL_NODE, nodes, places, end);
    }

    /** Parses each of its ranges, line magics, on its own: an open quote ends with its line. */
    class SqlLines extends Parser {
      createParse(input, fragments, ranges) {
        const start = ranges[0].from;
        const end = ranges.at(-1).to;
        return new OneStep(end, () => {
          const nodes = [];
          const places = [];
          for (const { from, to } of ranges) {
            const line = input.read(from, to);
            const statement = startOfSql(line);
            nodes.push(new Tree(PERCENTS, [], [], 1), sql.parse(line.slice(statement)));
            places.push(from - start, from - start + statement);
          }
          return new Tree(NodeType.none, nodes, places, end - start);
        });
      }
    }
    const sqlLines = new SqlLines();

    const isWithinString = (node) => {
      for (let at = node; at; at = at.parent) if (/String/.test(at.name)) return true;
      return false;
    };

    const pythonWithLines = python.language.parser.configure({
      wrap: parseMixed((node, input) => {
        if (!node.type.isTop || !sql) return null;
        const overlay = lineMagics(input.read(node.from, node.to)).filter(
          ({ from }) => !isWithinString(node.node.resolveInner(node.from + from, 1)),
        );
        return overlay.length ? { parser: sqlLines, overlay } : null;
      }),
    });

    const nestBody = Object.fromEntries(
      Object.keys(BODIES).map((magic) => [
        magic,
        parseMixed((node) =>
          node.type === BODY && parsers[magic] ? { parser: parsers[magic] } : null,
        ),
      ]),
    );

    class CellParser extends Parser {
      createParse(input, fragments, ranges) {
        const whole = ranges.length === 1 && ranges[0].from === 0;
        const text = whole ? input.read(0, ranges[0].to) : "";
        const found = cellMagic(text);
        if (!found) return pythonWithLines.startParse(input, fragments, ranges);
        const step = new OneStep(text.length, (end) => skeleton(text, found, end));
        return nestBody[found.magic](step, input, fragments, ranges);
      }
    }

    const language = new Language(
      python.language.data,
      new CellParser(),
      [],
      python.language.name,
    );
    return new LanguageSupport(language, python.support);
  }

  /** Take the parser that JupyterLab has for each kind of body; a missing one leaves it plain. */
  async function bodyParsers(languages) {
    const found = {};
    for (const [magic, name] of Object.entries(BODIES)) {
      if (!languages.findByName(name)) continue;
      found[magic] = (await languages.getLanguage(name)).support.language.parser;
    }
    return found;
  }

  function activate(modules, languages) {
    const ipython = languages.findByName("ipython");
    const loadPython = ipython.load;
    // The original `load` notes its result on `this`; a stand-in keeps plain Python from being
    // found there by the next cell while the other parsers are still on their way.
    const plain = loadPython.call(Object.create(ipython));
    const combined = Promise.all([plain, bodyParsers(languages)]).then(
      ([python, bodies]) => support(modules, python, bodies),
      (reason) => {
        console.warn(`${NAME}: cells keep Python's colours`, reason);
        return plain;
      },
    );
    ipython.load = () => combined;
    ipython.support = undefined;
    // A load that was under way before ours would otherwise have the last word.
    combined.then((loaded) => (ipython.support = loaded));
  }

  let scope;

  /** Take a module that JupyterLab shares, the version it uses itself. */
  async function shared(name) {
    const offers = Object.values(scope[name]);
    const entry = offers.find(({ loaded }) => loaded) ?? offers[0];
    return (await entry.get())();
  }

  async function plugin() {
    const [codemirror, language, lezer, highlight] = await Promise.all(
      ["@jupyterlab/codemirror", "@codemirror/language", "@lezer/common", "@lezer/highlight"].map(
        shared,
      ),
    );
    return {
      id: `${NAME}:cells`,
      description: "Colours SQL and JSON in the cells of the axon magics.",
      autoStart: true,
      requires: [codemirror.IEditorLanguageRegistry],
      activate: (app, languages) => activate({ language, lezer, highlight }, languages),
    };
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB[NAME] = {
    init(sharedScope) {
      scope = sharedScope;
    },
    async get(module) {
      if (module !== "./extension") throw new Error(`${NAME} has no module ${module}`);
      const extension = await plugin();
      return () => ({ __esModule: true, default: extension });
    },
  };
})();
