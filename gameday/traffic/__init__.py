"""Who talks to the broker: arrivals, messages, publishers and consumers."""
