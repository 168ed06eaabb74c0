// GraphiQL on this server: queries and mutations by POST, subscriptions as server-sent events, the key from the
// header tab. Everything is plain fetch, so that the Authorization header goes along with each of them.
"use strict";

const ENDPOINT = "/graphql";
const DEFAULT_HEADERS = `{\n  "authorization": "Bearer PASTE-YOUR-API-KEY"\n}`;
const DEFAULT_QUERY = `# Welcome to Linkgraph.
# Put your API key into the Headers tab below; this browser
# remembers it. The first key was printed at the first start
# and stands in the file admin.key of the data directory.

mutation CreateLink {
  createLink(input: {
    destination: "https://example.com/welcome?utm_source=readme"
    tags: ["first"]
  }) {
    link { id shortUrl finalDestination }
    userErrors { code message field }
  }
}

query Links {
  links(first: 10) {
    nodes { shortUrl destination createdAt }
    totalCount { value exact }
  }
}

# Run this one in a second tab, then open a short URL.
subscription Clicks {
  clicks {
    clicks { at kind browser os country link { shortUrl } }
    cursor
    gap { reason missed resumeFrom }
  }
}
`;

function isSubscription(parameters, options) {
  const operations = options?.documentAST?.definitions.filter(
    (definition) => definition.kind === "OperationDefinition",
  );
  const operation =
    operations?.find((definition) => definition.name?.value === parameters.operationName) ?? operations?.[0];
  return operation?.operation === "subscription";
}

function request(parameters, options, accept, signal) {
  const headers = { "content-type": "application/json", accept };
  for (const [name, value] of Object.entries(options?.headers ?? {})) {
    if (!String(value).includes("PASTE-YOUR-API-KEY")) headers[name] = value;
  }
  return fetch(ENDPOINT, { method: "POST", headers, body: JSON.stringify(parameters), signal });
}

// One frame of an event stream: its event name and the data lines put together.
function read(frame) {
  const fields = { event: "message", data: [] };
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (line.slice(0, colon) === "data") fields.data.push(value);
    if (line.slice(0, colon) === "event") fields.event = value;
  }
  return { event: fields.event, data: fields.data.join("\n") };
}

async function* events(parameters, options, signal) {
  const response = await request(parameters, options, "text/event-stream, application/json;q=0.1", signal);
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
    yield await response.json();
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (waiting + value).split("\n\n");
    waiting = frames.pop();
    for (const frame of frames) {
      const { event, data } = read(frame);
      if (event === "complete") return;
      if (event === "next") yield JSON.parse(data);
    }
  }
}

// GraphiQL stops a subscription with return(), which a generator sees only when its next event has come: aborting
// the request first makes it end at once, here and on the server.
function subscription(parameters, options) {
  const leaving = new AbortController();
  const source = events(parameters, options, leaving.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        return await source.next();
      } catch (error) {
        if (leaving.signal.aborted) return { done: true, value: undefined };
        throw error;
      }
    },
    async return() {
      leaving.abort();
      return { done: true, value: undefined };
    },
  };
}

async function fetcher(parameters, options) {
  if (isSubscription(parameters, options)) return subscription(parameters, options);
  const accept = "application/graphql-response+json, application/json;q=0.9";
  return (await request(parameters, options, accept)).json();
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: DEFAULT_QUERY,
    defaultHeaders: DEFAULT_HEADERS,
    shouldPersistHeaders: true,
    defaultEditorToolsVisibility: "headers",
  }),
);
