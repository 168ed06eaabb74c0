// npm graphql-ws: everything over one socket.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { authorization, mutation, query, report, socketUrl, subscription, variables } from "./documents.mjs";

const client = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});

async function first(payload) {
  for await (const result of client.iterate(payload)) return result;
}

report({
  query: await first({ query }),
  mutation: await first({ query: mutation, variables }),
  subscription: await first({ query: subscription }),
});
await client.dispose();
