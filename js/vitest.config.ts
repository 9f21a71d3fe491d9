import { defineConfig } from "vitest/config";

// The modules under test are pure; what needs a DOM is tested in a real browser.
export default defineConfig({
  test: { include: ["tests/**/*.test.ts"], environment: "node", watch: false },
});
