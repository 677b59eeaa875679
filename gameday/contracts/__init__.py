"""What a system promises: contracts, their topology and the reading of both."""
