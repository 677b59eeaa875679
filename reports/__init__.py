"""What it looked like: the report, as a function of a run folder."""
