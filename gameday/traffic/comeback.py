"""How a link comes back after a loss: how long each try may take, and how long it waits between.

A row of tries begins when a connection is lost, and ends when one stands. A link with a limit
gives up after so many failed tries in a row, until somebody asks for it again: that begins a new
row. Without a limit it tries for as long as it takes, twice as rarely each time up to `most_s`.
"""

from dataclasses import dataclass

DOUBLINGS_MOST = 30


@dataclass(frozen=True)
class Comeback:
    """Pauses between tries, how long a try may take, and after how many in a row it gives up."""

    first_s: float = 0.1
    most_s: float = 2.0
    timeout_s: float = 3.0
    attempts: int | None = None

    def pause_s(self, pauses: int) -> float:
        """Return how long to wait after so many pauses since a connection last stood."""
        return float(min(self.first_s * 2 ** min(pauses, DOUBLINGS_MOST), self.most_s))


FOR_EVER = Comeback()
"""At once, then after 0.1 to 2 s, for as long as it takes."""
