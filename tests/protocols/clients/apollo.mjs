// npm @apollo/client: queries and mutations over HTTP, subscriptions over graphql-ws.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import {
  authorization, mutation, query, report, socketUrl, subscription, url, variables,
} from "./documents.mjs";

const socket = createClient({
  url: socketUrl,
  webSocketImpl: WebSocket,
  connectionParams: { authorization },
  retryAttempts: 0,
});
const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: url, headers: { authorization } }),
  ),
});

function first(observable) {
  return new Promise((resolve, reject) => {
    const running = observable.subscribe({
      next(result) {
        resolve({ data: result.data });
        queueMicrotask(() => running.unsubscribe());
      },
      error: reject,
    });
  });
}

const asked = await client.query({ query: gql(query) });
const changed = await client.mutate({ mutation: gql(mutation), variables });
report({
  query: { data: asked.data },
  mutation: { data: changed.data },
  subscription: await first(client.subscribe({ query: gql(subscription) })),
});
client.stop();
await socket.dispose();
