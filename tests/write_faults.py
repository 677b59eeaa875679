"""Write docs/faults.md and tables of docs/catalogue.md: `python -m tests.write_faults`.

The first paragraph of a fault's docstring is what it breaks, the rest what the broker sees of it;
the docstring of `observe` is its proof of effect, and that of its recipe's `healed` its proof of
healing. Its live test is found by the fault's name in `tests/live/test_chaos_*.py`. Times come
from `docs/faults.json`, which the live tests write when GAMEDAY_RECORD_FAULTS names it; what was
lost and found comes from `docs/found.json`, which `tests.write_found` writes from whole runs.
"""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaos.catalogue import KINDS
from chaos.reverts import RECIPES
from gameday.history.checks.exposure import exposure_rule
from gameday.history.checks.risk import NO_RULE
from gameday.history.harm import CONTROL_FOR, NO_CONTROL, UNSAFE
from tests.write_found import FOUND

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "faults.md"
CATALOGUE = ROOT / "docs" / "catalogue.md"
MEASURED = ROOT / "docs" / "faults.json"

HEAD = """# What each fault does, and how it is proven

Written by `python -m tests.write_faults` from the code's docstrings, the live tests,
`docs/faults.json` and `docs/found.json`; a test holds it to them. What a plan may say of a fault
is in [catalogue.md](catalogue.md).

Every fault is proven twice. The run itself looks from outside before it calls a fault *observed*
or *restored*, and writes what it saw into the journal. The live test sees the same by another way.

The times are of single runs of the live tests on three nodes of one small machine, with short
ticks (`net_ticktime` 3 s): until the fault was seen in force, and until it was seen healed once
its revert had begun. They are not promises. Measure anew, for the installed broker and for 4.3:

```console
GAMEDAY_RECORD_FAULTS=docs/faults.json .venv/bin/python -m pytest tests/live -k chaos
GAMEDAY_TEST_BROKER=4.3 GAMEDAY_RECORD_FAULTS=docs/faults.json .venv/bin/python -m pytest \\
    tests/live -k chaos
.venv/bin/python -m tests.write_faults
```

What was lost and found is of whole runs under load, by their ledgers: of all that fell due from
the fault's beginning until the next one's, how many confirmed copies were lost, how many dead
letters were in no dead-letter queue, how many copies died that should not have, or for another
reason than theirs, and how often a handler finished a copy that had been finished before.
`docs/found.json` has each run's scenario, system and design. Add runs of yours:

```console
.venv/bin/python -m tests.write_found reports/runs/* && .venv/bin/python -m tests.write_faults
```

"""

TITLES = (
    "fault", "what the broker sees", "proof of effect", "proof of healing", "live test", "measured",
    "lost and found",
)  # fmt: skip

TAIL = """
## What is not done here

- **A clock that jumps where nobody started the nodes for it.** libfaketime has to be loaded when a
  node starts. Only a plan with `jump_clock` starts its nodes so; everything else is measured on the
  broker as it is installed. Without libfaketime such a plan is refused, in one sentence.
- **A file system that others use is not filled.** `fill_disk` refuses one of more than 2 GiB, and
  says how to mount a small one; `disk_alarm` needs none.
- **A feature flag that was enabled stays enabled.** `enable_feature` cannot be undone, and no
  random plan draws it. A run whose plan has it starts its nodes without that flag, and with all
  others.
"""


def document() -> str:
    """Return the whole document."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    found = json.loads(FOUND.read_text(encoding="utf-8"))
    tests = live_tests()
    rows = "".join(_row(kind, measured, found, tests) for kind in KINDS if kind != "nothing")
    head = f"| {' | '.join(TITLES)} |\n{'|---' * len(TITLES)}|\n"
    return HEAD + head + rows + TAIL


def _row(
    kind: str, measured: dict[str, Any], found: dict[str, Any], tests: dict[str, list[str]]
) -> str:
    fault = KINDS[kind]
    breaks = inspect.cleandoc(fault.__doc__ or "").partition("\n\n")[0]
    cells = (
        f"`{kind}`: {_text(breaks)}",
        seen_by_broker(fault),
        _text(getattr(fault, "observe", fault).__doc__),
        " ".join(_text(RECIPES[name].healed.__doc__) for name in recipes_of(fault)),
        _shown(tests.get(fault.__name__, [])),
        "<br>".join(_times(measured.get(kind, {}))) or "not yet",
        "<br>".join(_lost(found.get(kind, {}))) or "no run yet",
    )
    return "| " + " | ".join(cells) + " |\n"


def recipes_of(fault: type) -> list[str]:
    """Return the recipes that a fault's `capture` names."""
    source = inspect.getsource(fault.capture)  # type: ignore[attr-defined]
    shared = getattr(inspect.getmodule(fault), "_capture", None)
    if shared is not None and "_capture(" in source:
        source += inspect.getsource(shared)
    return sorted(set(re.findall(r'Revert\(\s*"(\w+)"', source)))


def rules_table() -> str:
    """Return the catalogue's table of what each fault must have met, and of its control."""
    rows = "".join(f"| `{kind}` | {_exposure(kind)} | {_control(kind)} |\n" for kind in KINDS)
    return f"| fault | what it must have met | its control |\n|---|---|---|\n{rows}"


def controls_table() -> str:
    """Return the catalogue's table of the controls."""
    rows = "".join(f"| `{name}` | {what} |\n" for name, what in UNSAFE.items())
    return f"| control | what is unsafe, and what harms it |\n|---|---|\n{rows}"


def _control(kind: str) -> str:
    return f"`{CONTROL_FOR[kind]}`" if kind in CONTROL_FOR else f"none, because {NO_CONTROL[kind]}"


def _exposure(kind: str) -> str:
    return exposure_rule(kind, class_of(kind)) or f"nothing, because {NO_RULE[kind]}"


def class_of(kind: str) -> str:
    """Return a kind's class of fault; one that has several by its parameters is a partition."""
    known = KINDS[kind].fault_class
    return known if isinstance(known, str) else "partition_reset"


def catalogue() -> str:
    """Return the catalogue with its generated tables as the code has them."""
    text = CATALOGUE.read_text(encoding="utf-8")
    for heading, head, table in (
        ("## Exposure and controls\n", "| fault |", rules_table()),
        ("## Controls\n", "| control |", controls_table()),
    ):
        before, _, rest = text.partition(heading)
        lead, _, rest = rest.partition(head)
        _, _, after = rest.partition("\n\n")
        text = f"{before}{heading}{lead}{table}\n{after}"
    return text


def seen_by_broker(fault: type) -> str:
    """Return what a fault's docstring says that the broker sees of it; nothing where it is mute."""
    return _text(inspect.cleandoc(fault.__doc__ or "").partition("\n\n")[2])


def live_tests() -> dict[str, list[str]]:
    """Return the live tests that use each name, as `file: test`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests" / "live").glob("test_chaos_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                late = "pytest.mark.nightly" in [ast.unparse(each) for each in node.decorator_list]
                shown = f"`{path.name}`: `{node.name}`" + (" (nightly)" if late else "")
                names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                for name in names:
                    found.setdefault(name, []).append(shown)
    return found


def _shown(tests: list[str]) -> str:
    if not tests:
        return "played by `test_run_smoke.py`"
    more = f", and {len(tests) - 1} more" if len(tests) > 1 else ""
    return tests[0] + more


def _times(variants: dict[str, Any]) -> Iterator[str]:
    for variant, versions in sorted(variants.items()):
        for version, times in sorted(versions.items()):
            which = f" ({variant})" if variant else ""
            other = ", not by itself but restarted" if times.get("not_by_itself") else ""
            yield (
                f"{version}{which}: in force after {_seconds(times['in_force_s'])}, "
                f"healed after {_seconds(times['healed_s'])}{other}"
            )


def _lost(versions: dict[str, Any]) -> Iterator[str]:
    """Say for each version what was lost, and in which runs; then what was not."""
    for version, places in sorted(versions.items()):
        bad = {
            where: it for where, it in places.items() if it["lost"] or it["dead_letters_missing"]
        }
        for where, it in sorted(bad.items()):
            missing = it["dead_letters_missing"]
            more = f", {missing} dead letters missing" if missing else ""
            yield f"{version}: {it['lost']} of {it['confirmed']:,} lost{more} ({where})"
        for where, it in sorted(places.items()):
            if it.get("died_wrongly"):
                yield f"{version}: {it['died_wrongly']} dead-lettered wrongly ({where})"
        good = [it for where, it in places.items() if where not in bad]
        if good:
            confirmed, episodes = (
                sum(it[name] for it in good) for name in ("confirmed", "episodes")
            )
            times = f"{episodes} episodes" if episodes > 1 else "1 episode"
            yield f"{version}: none of {confirmed:,} lost in {times}"
        again = sum(it["handled_again"] for it in places.values())
        if again:
            yield f"{version}: {again} handled again"


def _seconds(time_s: float) -> str:
    return f"{time_s:g} s" if time_s else "less than 0.1 s"


def _text(docstring: str | None) -> str:
    """Return a docstring in one line, fit for a cell."""
    return " ".join((docstring or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    CATALOGUE.write_text(catalogue(), encoding="utf-8")
