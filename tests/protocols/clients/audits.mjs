// The GraphQL over HTTP audits of npm graphql-http, each with its id, name and outcome.
import { auditServer } from "graphql-http";

import { authorization, report, url } from "./documents.mjs";

const fetchFn = (input, init = {}) => fetch(input, { ...init, headers: { authorization, ...init.headers } });
const results = await auditServer({ url, fetchFn });
report(results.map(({ id, name, status, reason }) => ({ id, name, status, reason })));
