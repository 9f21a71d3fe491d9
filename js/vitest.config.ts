import { defineConfig } from "vitest/config";

// Pure modules run in plain Node; a file that touches the DOM says so itself
// with `// @vitest-environment happy-dom` in its first line.
export default defineConfig({
  test: { include: ["tests/**/*.test.ts"], environment: "node", watch: false },
});
