// What every client runs, where, and how it says what it got: one line of JSON.
export const [url, key] = process.argv.slice(2);
export const socketUrl = url.replace(/^http/, "ws");
export const authorization = `Bearer ${key}`;

export const query = "query Viewer { viewer { scopes } }";
export const mutation =
  "mutation Create($input: CreateLinkInput!) { createLink(input: $input) { link { destination } userErrors { code } } }";
export const variables = { input: { destination: "https://example.com/from-a-client" } };
export const subscription = "subscription Feed { clicks { clicks { id } cursor } }";

export function report(results) {
  console.log(JSON.stringify(results));
}
