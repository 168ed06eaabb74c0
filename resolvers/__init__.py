"""What the API does: queries and mutations of each noun, and the loaders of a request."""
