"""A fault around a fault: its name and whom it strikes are the inner one's, the rest its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaos.fault import Breaking


@dataclass(frozen=True)
class Wrapped:
    """What a wrapper leaves as it is; how it breaks, is seen and undone it says itself."""

    fault: Breaking

    @property
    def kind(self) -> str:
        """The fault's own name."""
        return self.fault.kind

    @property
    def target(self) -> str:
        """What it strikes."""
        return self.fault.target

    @property
    def parameters(self) -> Mapping[str, Any]:
        """How it strikes."""
        return self.fault.parameters
