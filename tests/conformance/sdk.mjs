// Runloop's own TypeScript SDK, unmodified and with its defaults (HTTP/2 with prior knowledge),
// pointed at the service by its two environment variables.  Each name on the command line is a
// scenario; its result is printed as one line of JSON.  With CONFORMANCE_SDK the SDK of another
// folder is used.
import { createRequire } from "node:module";

const require = createRequire(process.env.CONFORMANCE_SDK ?? import.meta.url);
const { Runloop, RunloopSDK } = require("@runloop/api-client");

const client = new Runloop();
const EVENT = { source: "sdk", event_type: "tick", origin: "USER_EVENT" };

const publish = (axon, n) => client.axons.publish(axon.id, { ...EVENT, payload: JSON.stringify({ n }) });

async function read(axon, after, count) {
  const seen = [];
  for await (const event of await client.axons.subscribeSse(axon.id, { after_sequence: after })) {
    seen.push(event.sequence);
    if (seen.length === count) break;
  }
  return seen;
}

const scenarios = {
  async axons() {
    const axon = await client.axons.create({ name: "ts", metadata: { team: "ts" } });
    const sequences = [];
    for (let n = 1; n <= 3; n++) sequences.push((await publish(axon, n)).sequence);
    const found = await client.axons.sql.query(axon.id, {
      sql: "SELECT json_extract(payload, '$.n') AS n FROM rl_axon_events WHERE sequence > ?",
      params: [1],
    });
    await client.axons.update(axon.id, { metadata: { team: "us" } });
    const updated = await client.axons.retrieve(axon.id);
    await client.axons.delete(axon.id);
    const deleted = await client.axons.retrieve(axon.id);
    return {
      sequences,
      rows: found.rows,
      metadata: updated.metadata,
      deleted: "deleted_at_ms" in deleted ? deleted.deleted_at_ms !== null : null,
    };
  },

  async pages() {
    const made = [];
    for (let n = 0; n < 5; n++) made.push((await client.axons.create({ name: "ts-paged" })).id);
    const visited = [];
    for await (const axon of client.axons.list({ name: "ts-paged", limit: 2 })) visited.push(axon.id);
    return { each_once: JSON.stringify(visited) === JSON.stringify(made.reverse()) };
  },

  async stream() {
    const axon = await client.axons.create({ name: "ts-stream" });
    const live = read(axon, 0, 5);
    for (let n = 1; n <= 5; n++) await publish(axon, n);
    return { live: await live, resumed: await read(axon, 3, 2) };
  },

  async idle() {
    const axon = await client.axons.create({ name: "ts-idle" });
    const live = read(axon, 0, 2);
    await publish(axon, 1);
    await new Promise((resolve) => setTimeout(resolve, 70_000));
    await publish(axon, 2);
    return { live: await live };
  },

  async together() {
    const axon = await client.axons.create({ name: "ts-together" });
    const streams = Array.from({ length: 20 }, () => read(axon, 0, 40));
    const published = await Promise.all(Array.from({ length: 40 }, (_, n) => publish(axon, n)));
    const sequences = published.map(({ sequence }) => sequence).sort((a, b) => a - b);
    const wanted = JSON.stringify(Array.from({ length: 40 }, (_, n) => n + 1));
    const seen = await Promise.all(streams);
    return {
      each_once: JSON.stringify(sequences) === wanted,
      streams_alike: seen.every((one) => JSON.stringify(one) === wanted),
    };
  },

  async devbox() {
    const sdk = new RunloopSDK();
    const devbox = await sdk.devbox.create({ name: "ts", file_mounts: { "in.txt": "mounted" } });
    try {
      const lines = { stdout: [], stderr: [] };
      const result = await devbox.cmd.exec("cat in.txt; echo; echo no >&2; exit 3", {
        stdout: (line) => lines.stdout.push(line),
        stderr: (line) => lines.stderr.push(line),
      });
      await devbox.file.write({ file_path: "/home/user/out.txt", contents: "written" });
      const text = await devbox.file.read({ file_path: "out.txt" });
      const shell = devbox.shell("kept");
      await shell.exec("cd /home/user && mkdir -p sub && cd sub && export WORD=kept");
      const kept = await shell.exec('echo "$WORD ${PWD##*/}"');
      return {
        exit: result.exitCode,
        stdout: await result.stdout(),
        lines,
        text,
        shell: (await kept.stdout()).trim(),
      };
    } finally {
      await devbox.shutdown();
    }
  },

  async objects() {
    const sdk = new RunloopSDK();
    const axon = await sdk.axon.create({ name: "ts-objects" });
    await axon.publish({ ...EVENT, payload: "{}" });
    const rows = await axon.sql.query({ sql: "SELECT count(*) FROM rl_axon_events" });
    return { rows: rows.rows, name: (await axon.getInfo()).name };
  },

  async agent() {
    const axon = await client.axons.create({ name: "ts-agent" });
    const mount = { type: "broker_mount", axon_id: axon.id, protocol: "acp" };
    const devbox = await client.devboxes.createAndAwaitRunning({
      mounts: [{ ...mount, agent_binary: "axon-notebook-demo-agent", launch_args: [] }],
    });
    const say = (event_type, payload) =>
      client.axons.publish(axon.id, {
        source: "acp-sdk-client",
        event_type,
        origin: "USER_EVENT",
        payload: JSON.stringify(payload),
      });
    const types = [];
    try {
      const stream = await client.axons.subscribeSse(axon.id);
      await say("initialize", { protocolVersion: 1, clientInfo: { name: "ts", version: "1" } });
      await say("session/new", { cwd: "/home/user", mcpServers: [] });
      for await (const event of stream) {
        if (event.origin === "USER_EVENT") continue;
        types.push(event.event_type);
        if (event.event_type === "session/new") {
          const { sessionId } = JSON.parse(event.payload);
          await say("session/prompt", { sessionId, prompt: [{ type: "text", text: "files" }] });
        }
        if (event.event_type.startsWith("turn.") && event.event_type !== "turn.started") break;
      }
    } finally {
      await client.devboxes.shutdown(devbox.id);
    }
    return { last: types.slice(-2) };
  },

  async refusals() {
    const statuses = [];
    for (const ask of [
      () => client.axons.retrieve("axn_none"),
      () => client.axons.publish("axn_none", { ...EVENT, payload: "{}" }),
      () => client.devboxes.retrieve("dbx_none"),
    ]) {
      try {
        await ask();
      } catch (error) {
        statuses.push(error.status);
      }
    }
    return { statuses };
  },
};

for (const name of process.argv.slice(2)) {
  process.stdout.write(`${JSON.stringify(await scenarios[name]())}\n`);
}
process.exit(0);
