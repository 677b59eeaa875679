"""The migration's judge: a stored comparison of two brokers, to a decision and its document."""
