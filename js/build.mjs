// Bundles every widget whose entry exists: one minified ES module each, because
// anywidget sends `_esm` once per widget instance and a hub pays for every byte. Nothing of
// others is bundled, so no licence has to travel along.
//
//   node build.mjs           build into ../axon_notebook/static, fail above the size limit
//   node build.mjs --watch   rebuild on change, with inline source maps
//   node build.mjs --demo    serve demo/ on http://127.0.0.1:8765 without Jupyter
import { existsSync, mkdirSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "axon_notebook", "static");
// An empty module takes 3 ms to import in Chromium, one of this size 12 ms (medians of 30, busy
// machine); a saved notebook with widget state carries it once per widget.
const KB = 1024;
const LIMITS = {
  "event-viewer": 180 * KB,
  "execution-log": 120 * KB,
  "agent-chat": 140 * KB,
  timeline: 70 * KB,
  comparison: 40 * KB,
  "runs-table": 40 * KB,
};
const ENTRIES = {
  "event-viewer": "src/viewer/index.ts",
  "execution-log": "src/log/index.ts",
  "agent-chat": "src/chat/index.ts",
  timeline: "src/trace/index.ts",
  comparison: "src/compare/index.ts",
  "runs-table": "src/runs/index.ts",
};
const present = Object.entries(ENTRIES).filter(([, path]) => existsSync(join(here, path)));

/** CSS is imported as text (the widgets put it into their shadow root); minify it like the rest. */
const cssText = {
  name: "css-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const { code } = await esbuild.transform(source, { loader: "css", minify: true });
      return { contents: code, loader: "text" };
    });
  },
};

const options = {
  absWorkingDir: here,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  define: { "define.amd": "false" },
  plugins: [cssText],
};

async function build() {
  mkdirSync(out, { recursive: true });
  await esbuild.build({
    ...options,
    entryPoints: Object.fromEntries(present),
    outdir: out,
    minify: true,
  });
  let tooLarge = false;
  for (const [name] of present) {
    const { size } = statSync(join(out, `${name}.js`));
    tooLarge ||= size > LIMITS[name];
    console.log(`${name}.js  ${(size / KB).toFixed(1)} KB of ${LIMITS[name] / KB} KB`);
  }
  if (tooLarge) {
    console.error(
      "A bundle is above the limit: it is sent once per widget instance. Make it smaller.",
    );
    process.exit(1);
  }
}

async function watch() {
  const context = await esbuild.context({
    ...options,
    entryPoints: Object.fromEntries(present),
    outdir: out,
    sourcemap: "inline",
  });
  await context.watch();
}

async function demo() {
  const context = await esbuild.context({
    ...options,
    entryPoints: ["demo/demo.ts", "demo/log-demo.ts"],
    loader: { ".bin": "binary" },
    outdir: join(here, "demo", "out"),
    write: false,
    sourcemap: "inline",
  });
  const port = Number(process.env.PORT ?? 8765);
  const served = await context.serve({ servedir: join(here, "demo"), host: "127.0.0.1", port });
  console.log(`http://127.0.0.1:${served.port}/`);
}

const mode = process.argv[2];
await (mode === "--watch" ? watch() : mode === "--demo" ? demo() : build());
