"""What the API looks like: the Strawberry types and inputs of each noun."""
