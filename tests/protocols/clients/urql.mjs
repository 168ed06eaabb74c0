// npm @urql/core with its own fetch exchange alone: queries by JSON, subscriptions as event streams.
import { Client, fetchExchange } from "@urql/core";

import { authorization, mutation, query, report, subscription, url, variables } from "./documents.mjs";

const client = new Client({
  url,
  exchanges: [fetchExchange],
  preferGetMethod: false,
  fetchSubscriptions: true,
  fetchOptions: { headers: { authorization } },
});

function shown({ data, error }) {
  return { data, errors: error?.message };
}

function first(source) {
  return new Promise((resolve) => {
    const running = source.subscribe((result) => {
      resolve(shown(result));
      queueMicrotask(() => running.unsubscribe());
    });
  });
}

report({
  query: shown(await client.query(query, {}).toPromise()),
  mutation: shown(await client.mutation(mutation, variables).toPromise()),
  subscription: await first(client.subscription(subscription, {})),
});
