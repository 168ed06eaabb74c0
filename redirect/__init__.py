"""The hot path: look up, decide, record, answer. Never loads GraphQL."""
