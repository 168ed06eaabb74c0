"""What streams: live feeds from Redis, completed from MongoDB, one generator per subscription field."""
