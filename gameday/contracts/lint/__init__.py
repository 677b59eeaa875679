"""Lint: what a topology and its clients will meet on a broker, said before it happens."""
