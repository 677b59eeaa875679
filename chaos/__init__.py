"""What goes wrong: faults, the plan, the journal and the watchdog."""
