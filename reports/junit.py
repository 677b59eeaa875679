"""The criteria as JUnit XML: one case a criterion, so that a CI shows them beside the tests.

A fail is a failure. An unknown is an error, never a skip: nobody looked. What is not tested is a
skip only where the suite does not claim it; claimed and not tested is an error too.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET


def write_junit(
    run: str, decision: str, criteria: Sequence[Mapping[str, Any]], claimed: Collection[str]
) -> str:
    """Return the file; without any criterion it holds one error, for nothing was judged."""
    cases = [_case(run, criterion, claimed) for criterion in criteria]
    if not cases:
        cases = [_empty(run, decision)]
    suite = ET.Element("testsuite", name=f"gameday {run}", tests=str(len(cases)), time="0")
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="decision", value=decision)
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _case(run: str, criterion: Mapping[str, Any], claimed: Collection[str]) -> ET.Element:
    requirement = str(criterion.get("requirement") or "")
    case = ET.Element(
        "testcase",
        classname=f"gameday.{requirement or run}",
        name=f"{criterion.get('id')}: {criterion.get('statement') or ''}".rstrip(": "),
        time="0",
    )
    status = criterion.get("status")
    reason = str(criterion.get("reason") or "")
    if status == "fail":
        ET.SubElement(case, "failure", type="fail", message=reason)
    elif status == "not_tested" and requirement not in claimed:
        ET.SubElement(case, "skipped", message=reason)
    elif status != "pass":
        ET.SubElement(case, "error", type=str(status or "unknown"), message=reason)
    return case


def _empty(run: str, decision: str) -> ET.Element:
    case = ET.Element("testcase", classname=f"gameday.{run}", name="verdict", time="0")
    text = f"the run ended {decision} with no criterion judged"
    ET.SubElement(case, "error", type="unknown", message=text)
    return case
