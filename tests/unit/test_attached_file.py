"""The owner's file: what is refused, in which words, and how templates become commands."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gameday.clusters import file_schema, templates
from gameday.clusters.cluster_file import ClusterFile, read_file
from gameday.clusters.commanded import made_of
from gameday.clusters.filling import commands_of
from gameday.errors import UsageError
from scenarios.allowed import allowed
from scenarios.dry_run import lines
from scenarios.options import Options
from scenarios.run import contract_of

DOCS = Path(__file__).parents[2] / "docs" / "attached"
EXAMPLES = sorted(DOCS.glob("*.yaml"))


def good() -> dict[str, Any]:
    """Return a file of two nodes with one fault of each shape."""
    return {
        "cluster": "rabbit@a",
        "i_own": "rabbit@a",
        "credentials": {"username_variable": "OWN_USER", "password_variable": "OWN_PASSWORD"},
        "nodes": [
            {
                "name": name,
                "erlang_name": f"rabbit@{name}",
                "amqp": f"amqp://127.0.0.1:567{number}",
                "management": f"http://127.0.0.1:1567{number}",
                "values": {"host": f"10.0.0.{number}"},
            }
            for number, name in enumerate("abc", start=1)
        ],
        "faults": {
            "kill": {"apply": "ssh {host} kill", "revert": "ssh {host} start"},
            "isolate_silent": {
                "apply": "ssh {host} drop {peers_host}",
                "revert": ["ssh {host} pass {peers_host}"],
            },
            "cut_link_reset": {
                "apply": "ssh {host} cut {peer_host}",
                "revert": "ssh {host} mend {peer}",
            },
            "disk_alarm": {
                "apply": "ctl {erlang_name} {beyond_free_bytes}",
                "revert": "ctl {erlang_name} {disk_free_limit_bytes}",
            },
        },
    }


def written(folder: Path, content: dict[str, Any]) -> Path:
    """Write a file, and return its path."""
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def refused(folder: Path, content: dict[str, Any]) -> str:
    """Return in which words a file is refused."""
    with pytest.raises(UsageError) as caught:
        read_file(written(folder, content))
    return str(caught.value)


def test_good_file_is_taken(tmp_path: Path) -> None:
    """Nothing is wrong with the file that all others here are made of."""
    file = read_file(written(tmp_path, good()))

    assert [node.name for node in file.nodes] == ["a", "b", "c"]
    assert set(file.faults.given()) == {"kill", "isolate_silent", "cut_link_reset", "disk_alarm"}


@pytest.mark.parametrize("statement", [None, "yes", "rabbit@b"])
def test_ownership_is_stated_by_name(tmp_path: Path, statement: str | None) -> None:
    """Without the cluster's own name once more, nothing is attached to."""
    content = good()
    content["i_own"] = statement

    assert "own.yaml:2: i_own: expected 'rabbit@a' once more" in refused(tmp_path, content)


@pytest.mark.parametrize("revert", [None, "", []])
def test_template_without_its_revert_is_refused(tmp_path: Path, revert: object) -> None:
    """What cannot be undone is not applied, however it was left out."""
    content = good()
    del content["faults"]["kill"]["revert"]
    if revert is not None:
        content["faults"]["kill"]["revert"] = revert

    said = refused(tmp_path, content)

    assert "faults.kill.revert: expected" in said
    assert revert == "" or "gameday breaks nothing that it cannot put right: add it" in said


@pytest.mark.parametrize(
    "url",
    ["amqp://me:secret-word@127.0.0.1:5671", "http://127.0.0.1:5671", "127.0.0.1", "amqp://:5671",
     "amqp://127.0.0.1:5671/vhost", "amqp://127.0.0.1:x"],
)  # fmt: skip
def test_addresses_are_plain_ones(tmp_path: Path, url: str) -> None:
    """A URL with credentials, or that is none, is refused; a password is not repeated."""
    content = good()
    content["nodes"][0]["amqp"] = url

    said = refused(tmp_path, content)

    assert "nodes[0].amqp: expected amqp://HOST:PORT" in said
    assert "secret-word" not in said


@pytest.mark.parametrize("field", ["name", "erlang_name", "amqp", "management"])
def test_each_node_is_told_apart(tmp_path: Path, field: str) -> None:
    """Two nodes behind one address are none that a fault could be proven on."""
    content = good()
    content["nodes"][1][field] = content["nodes"][0][field]

    assert f"nodes[1].{field}: expected one of its own" in refused(tmp_path, content)


@pytest.mark.parametrize(
    "value", ["a b", "$(reboot)", "a;b", "`id`", "-oProxyCommand=x", "a|b", "a&b", "'a", "a\nb", ""]
)
def test_values_hold_nothing_that_a_shell_reads(tmp_path: Path, value: str) -> None:
    """A value that ssh's far end could take for more than a word is refused."""
    content = good()
    content["nodes"][0]["values"]["host"] = value

    assert "nodes[0].values.host: expected" in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("fault", "way", "command", "said"),
    [
        ("kill", "apply", "kill {pod}", "expected a value for {pod}, found none; give node a one"),
        ("kill", "apply", "kill {peer_host}", "expected no peer, found {peer_host}"),
        ("kill", "revert", "x {beyond_free_bytes}", "expected no limit of another fault"),
        (
            "kill",
            "revert",
            "docker -H ssh://me@far start x",
            "expected no user in a URL, found one",
        ),
        ("kill", "apply", "kill 'x", "cannot be split into words"),
        ("cut_link_reset", "apply", "cut {host}", "expected the peer that is cut off, found none"),
        ("disk_alarm", "revert", "x {beyond_free_bytes}", "expected the limit that was in force"),
    ],
)
def test_placeholders_are_known_ones(
    tmp_path: Path, fault: str, way: str, command: str, said: str
) -> None:
    """A placeholder that nobody fills in, or not here, is named with the fault."""
    content = good()
    content["faults"][fault][way] = command

    found = refused(tmp_path, content)

    assert f"faults.{fault}.{way}: " in found
    assert said in found


def test_somebody_vouches_for_nodes_by_tls(tmp_path: Path) -> None:
    """A node that is reached by TLS needs the authority's file, and the file must be there."""
    content = good()
    content["nodes"][0]["amqp"] = "amqps://127.0.0.1:5671"
    assert "authority: expected the file of an authority that vouches" in refused(tmp_path, content)

    content["authority"] = "ca.pem"
    assert "authority: expected a file beside this one, found no ca.pem" in refused(
        tmp_path, content
    )

    (tmp_path / "ca.pem").touch()
    cluster = made_of(read_file(written(tmp_path, content)), tmp_path, "4.3.6", tmp_path)
    assert cluster.addresses("a").client.authority == str(tmp_path / "ca.pem")
    assert cluster.addresses("b").client.authority is None
    assert "cacertfile=" in cluster.amqp_url("a", "/")


def test_unknown_fault_is_named_with_those_there_are(tmp_path: Path) -> None:
    """A misspelt template is no template."""
    content = good()
    content["faults"]["isolate_quiet"] = content["faults"]["kill"]

    assert "found isolate_quiet; did you mean isolate_" in refused(tmp_path, content)


def test_input_must_be_there(tmp_path: Path) -> None:
    """A manifest that is not beside the file is missed before anything is broken."""
    content = good()
    content["faults"]["kill"]["apply"] = [{"run": "kubectl apply -f -", "input": "no.yaml"}]

    assert "expected a text file beside this one, found 'no.yaml'" in refused(tmp_path, content)


def shown(file: ClusterFile, template: str, way: str, peers: tuple[str, ...]) -> list[list[str]]:
    """Return the words of a template's commands for node b."""
    values = {"disk_free_limit_bytes": "50", "beyond_free_bytes": "99"}
    made = commands_of(file, DOCS, template, way, "b", peers, values)
    return [list(each.argv) for each in made]


def test_commands_are_filled_in_word_by_word(tmp_path: Path) -> None:
    """One peer each, all peers at once, and the limits of now; words stay words."""
    file = read_file(written(tmp_path, good()))

    assert shown(file, "kill", "apply", ()) == [["ssh", "10.0.0.2", "kill"]]
    assert shown(file, "isolate_silent", "apply", ("a", "c")) == [
        ["ssh", "10.0.0.2", "drop", "10.0.0.1,10.0.0.3"]
    ]
    assert shown(file, "cut_link_reset", "apply", ("a",)) == [
        ["ssh", "10.0.0.2", "cut", "10.0.0.1"]
    ]
    assert shown(file, "cut_link_reset", "revert", ("a", "c")) == [
        ["ssh", "10.0.0.2", "mend", "a"],
        ["ssh", "10.0.0.2", "mend", "c"],
    ]
    assert shown(file, "disk_alarm", "revert", ()) == [["ctl", "rabbit@b", "50"]]


def test_filling_in_cannot_make_another_word() -> None:
    """Whatever a value holds, it stays in the word where its placeholder stood."""
    hostile = {"host": "x; rm -rf / {node} 'y"}
    made = templates.ready("a", "ssh {host} start", None, DOCS, hostile, 1)

    assert made.argv == ("ssh", "x; rm -rf / {node} 'y", "start")


def test_command_comes_back_from_the_journal() -> None:
    """What undoes a fault is the same after it was written down and read."""
    made = templates.ready("a", "kubectl delete -f -", None, DOCS, {}, 7.5)

    assert templates.from_json(json.loads(json.dumps(made.as_json()))) == made


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_shipped_examples_are_right(path: Path) -> None:
    """Each example is read, and every command and manifest of it is filled in to the last."""
    file = read_file(path)
    nodes = [node.name for node in file.nodes]
    values = {"disk_free_limit_bytes": "50", "beyond_free_bytes": "99", "memory_limit_bytes": "7"}

    for name in file.faults.given():
        for way in ("apply", "revert"):
            made = commands_of(file, path.parent, name, way, nodes[0], nodes[1:], values)
            assert made
            for command in made:
                assert not templates.PLACEHOLDER.search(command.shown), command.shown
                if command.input and "apiVersion" in command.input:
                    manifest = yaml.safe_load(command.input)
                    assert manifest["spec"]["selector"]["labelSelectors"]
                    assert not templates.PLACEHOLDER.search(command.input)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_shipped_examples_are_shown(path: Path) -> None:
    """A dry run of each shows, for every episode that is played, its commands and its proof."""
    options = Options(cluster="attached", cluster_file=path)
    file = read_file(path)
    found = allowed(contract_of(options), options, file)
    text = "\n".join(lines(options, file, found, path.parent))

    for episode in found.plan.episodes:
        assert f"\n{episode.name}, " in text
    for name, reason in found.left_out:
        assert f"{name}\n  not played: {reason}" in text
    struck = [e for e in found.plan.episodes if e.faults[0].kind not in {"nothing", "poison"}]
    assert text.count("    proof   ") == text.count("    healed  ") == len(struck)
    for node in file.nodes:
        assert f"    {node.name} ({node.erlang_name})" in text or not struck


def test_published_schema_is_the_model_s() -> None:
    """The schema that editors read is the one that the file is judged by."""
    published = json.loads(file_schema.PUBLISHED.read_text(encoding="utf-8"))

    assert published == file_schema.file_schema(), "run: python -m gameday.clusters.file_schema"
