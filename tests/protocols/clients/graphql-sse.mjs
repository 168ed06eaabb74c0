// npm graphql-sse in distinct connections mode: everything as an event stream.
import { createClient } from "graphql-sse";

import { authorization, mutation, query, report, subscription, url, variables } from "./documents.mjs";

const client = createClient({ url, headers: { authorization }, retryAttempts: 0 });

async function first(payload) {
  for await (const result of client.iterate(payload)) return result;
}

report({
  query: await first({ query }),
  mutation: await first({ query: mutation, variables }),
  subscription: await first({ query: subscription }),
});
client.dispose();
