"""What we claim: scenarios, the run through its phases and the command line."""
