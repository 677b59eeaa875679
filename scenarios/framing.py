"""The frame of whatever is played into a run folder: it is healed before, watched, and struck off.

    heal what was left -> folder -> registered -> played, signals handled -> struck off

A game day, an upgrade and a migration are played in it, so that each ends alike.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chaos import heal as healing
from chaos import runs
from chaos.interrupts import Interrupts
from chaos.revert import NotRestoredError
from gameday.clusters.local import default_state_dir
from gameday.history.folder import create_run_folder, reports_dir
from scenarios.screen import Screen

INTERRUPTED = 130
NOT_RESTORED = 4


@dataclass(frozen=True)
class Ended:
    """How the playing ended: the run folder, and the exit code if it is settled already."""

    folder: Path
    exit_code: int | None = None


@dataclass(frozen=True)
class Frame:
    """What is played in: the stack ends all that is started, in reverse order."""

    stack: ExitStack
    folder: Path
    state_dir: Path
    interrupts: Interrupts


def framed(
    name: str, seed: int, out: Path | None, screen: Screen, play: Callable[[Frame], None]
) -> Ended:
    """Play into a new folder of this name; what earlier runs left is healed first, or refused."""
    state_dir = default_state_dir()
    for sentence in healing.heal_or_refuse(state_dir).sentences:
        screen.say(sentence)
    folder = create_run_folder(reports_dir(out), name, seed)
    record = runs.begin(folder.name, folder, state_dir, None)
    interrupts = Interrupts()
    try:
        with interrupts.handled(), screen, ExitStack() as stack:
            play(Frame(stack, folder, state_dir, interrupts))
    except KeyboardInterrupt:
        return Ended(folder, INTERRUPTED)
    except NotRestoredError as error:
        screen.say(f"NOT RESTORED: {error}")
        return Ended(folder, NOT_RESTORED)
    finally:
        runs.strike_off(record)
    return Ended(folder)
