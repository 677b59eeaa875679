"""How a benchmark says what it measured: one line a figure, and how busy the machine was."""

import os

BUSY_PER_CORE = 0.75


def figure(name: str, value: float, unit: str, limit: str) -> None:
    """Print one figure with its limit."""
    print(f"{name} {value:,.1f} {unit} ({limit})", flush=True)


def say_load() -> None:
    """Say whether anybody else was working, for then no figure is worth much."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    busy = "BUSY: these figures prove nothing" if load > BUSY_PER_CORE * cores else "quiet enough"
    print(f"# load {load:.1f} on {cores} cores before the measurement: {busy}", flush=True)
