"""What the rooms stand on: contracts, clusters, traffic and history."""
