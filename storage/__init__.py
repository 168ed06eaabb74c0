"""Where it is kept: one store per noun over MongoDB, and what Redis carries between processes."""
