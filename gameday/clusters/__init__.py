"""Where the broker runs: local processes or a cluster that somebody else started."""
