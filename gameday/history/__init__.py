"""What happened: records, the ledger, outcomes, checks and the verdict."""
