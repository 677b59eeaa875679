"""`python -m scenarios` is `gameday`."""

from scenarios.cli import main

main()
