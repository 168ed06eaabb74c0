"""The graph over HTTP, server-sent events and WebSocket: one way from document to answer, three carriers."""
