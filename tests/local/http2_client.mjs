// Node's own HTTP/2 client with prior knowledge: requests at once, a stream, a graceful end.
import http2 from "node:http2";

const [base, token] = process.argv.slice(2);
const session = http2.connect(base);

function ask(method, path, body) {
  const head = { ":method": method, ":path": path, authorization: `Bearer ${token}` };
  if (body) head["content-type"] = "application/json";
  const request = session.request(head);
  request.end(body && JSON.stringify(body));
  request.setEncoding("utf8");
  return new Promise((resolve, reject) => {
    let text = "";
    request.on("data", (part) => (text += part));
    request.on("end", () => resolve(JSON.parse(text)));
    request.on("error", reject);
  });
}

const event = { source: "node", event_type: "tick", origin: "USER_EVENT", payload: "é".repeat(9) };
const axon = await ask("POST", "/v1/axons", { name: "node" });
const path = `/v1/axons/${axon.id}`;
const published = await Promise.all(
  Array.from({ length: 100 }, () => ask("POST", `${path}/publish`, event)),
);
const large = { ...event, payload: "x".repeat(4 * 1024 * 1024) };
published.push(await ask("POST", `${path}/publish`, large));

const stream = session.request({
  ":path": `${path}/subscribe/sse`,
  authorization: `Bearer ${token}`,
});
let frames = 0;
for await (const part of stream.setEncoding("utf8")) {
  frames += part.split("\n\n").length - 1;
  if (frames === 101) break; // resets the stream
}
const last = ask("GET", `${path}/events?limit=1`);
session.close();
const total = (await last).total_count;
console.log(JSON.stringify({ stored: published.map((p) => p.sequence).sort((a, b) => a - b), frames, total }));
