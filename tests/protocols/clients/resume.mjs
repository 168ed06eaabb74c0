// A feed that is resumed when its connection is lost: the client's own retries, or subscribing again, with the last cursor.
import { ApolloClient, gql, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange } from "@urql/core";
import { createClient as createSseClient } from "graphql-sse";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { authorization, report, socketUrl, url } from "./documents.mjs";

const query = "subscription Feed($after: String) { clicks(after: $after) { clicks { id referrer } cursor } }";
const variables = { after: null };
const pause = () => new Promise((resolve) => setTimeout(resolve, 100 + 200 * Math.random()));
const retrying = { retryAttempts: 100, shouldRetry: () => true, retryWait: pause, retry: pause };
const overSocket = (more) =>
  createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization }, ...more });

function take({ data }) {
  if (!data) return;
  report({ referrers: data.clicks.clicks.map(({ referrer }) => referrer) });
  variables.after = data.clicks.cursor; // what a retry sends again
}

// Subscribes again, behind what was seen, whenever a subscription ends.
async function again(subscribe) {
  for (;;) {
    await new Promise((ended) => subscribe(take, ended));
    await pause();
  }
}

const clients = {
  "graphql-ws": async () => {
    for await (const result of overSocket(retrying).iterate({ query, variables })) take(result);
  },
  "graphql-sse": async () => {
    const client = createSseClient({ url, headers: { authorization }, ...retrying });
    for await (const result of client.iterate({ query, variables })) take(result);
  },
  apollo: () => {
    const link = new GraphQLWsLink(overSocket({ retryAttempts: 0 }));
    const client = new ApolloClient({ cache: new InMemoryCache(), link });
    return again((next, ended) =>
      client
        .subscribe({ query: gql(query), variables: { ...variables }, fetchPolicy: "no-cache" })
        .subscribe({ next: (result) => (result.error ? ended() : next(result)), error: ended, complete: ended }),
    );
  },
  urql: () => {
    const client = new Client({
      url,
      exchanges: [fetchExchange],
      preferGetMethod: false,
      fetchSubscriptions: true,
      fetchOptions: { headers: { authorization } },
    });
    return again((next, ended) => {
      const running = client.subscription(query, { ...variables }).subscribe((result) => {
        if (!result.error) return next(result);
        queueMicrotask(() => running.unsubscribe());
        ended();
      });
    });
  },
};

await clients[process.argv[4]]();
