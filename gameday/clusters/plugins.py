"""Plugins and feature flags of a node, read and changed on the node itself.

The list of enabled plugins is a file, which the nodes of a local cluster share; a node starts and
stops what changed in it when it is told to look. A feature flag that is enabled stays so.
"""

import json
import re

from gameday.clusters.cluster import Ctl
from gameday.errors import HarnessError

WORD = re.compile(r"[a-z0-9_.]+")
FILE = "element(2, application:get_env(rabbit, enabled_plugins_file))"


def atom(name: str) -> str:
    """Return a name as an Erlang atom; a strange one is refused."""
    if not WORD.fullmatch(name):
        raise HarnessError(f"{name!r} is no name of a plugin or a feature flag.")
    return f"'{name}'"


def enabled_plugins(ctl: Ctl, node: str) -> list[str]:
    """Return the plugins that are enabled on purpose, as the node's file has them."""
    return _words(ctl, node, f"rabbit_plugins:read_enabled({FILE})")


def active_plugins(ctl: Ctl, node: str) -> list[str]:
    """Return the plugins that run on the node now, with what they need."""
    return _words(ctl, node, "rabbit_plugins:active()")


def set_plugins(ctl: Ctl, node: str, names: list[str]) -> None:
    """Write the list, and have the node start and stop what changed."""
    atoms = ",".join(atom(name) for name in names)
    order = (
        f'begin File = {FILE}, ok = file:write_file(File, io_lib:format("~p.~n", [[{atoms}]])), '
        "case rabbit_plugins:ensure(File) of {ok, _, _} -> ok; Other -> Other end end"
    )
    answer = ctl.evaluate(node, order, timeout_s=30)
    if answer != "ok":
        raise HarnessError(f"{node} did not take the plugins {names}: {answer[:200]}")


def known_flags(ctl: Ctl, node: str) -> list[str]:
    """Return the feature flags that the node knows, enabled or not."""
    return sorted(_words(ctl, node, "maps:keys(rabbit_feature_flags:list(all))"))


def flag_is_enabled(ctl: Ctl, node: str, flag: str) -> bool:
    """Whether a feature flag is enabled, as the node knows it."""
    return ctl.evaluate(node, f"rabbit_feature_flags:is_enabled({atom(flag)})") == "true"


def enable_flag(ctl: Ctl, node: str, flag: str) -> None:
    """Enable a feature flag on the whole cluster."""
    answer = ctl.evaluate(node, f"rabbit_feature_flags:enable({atom(flag)})", timeout_s=60)
    if answer != "ok":
        raise HarnessError(f"the feature flag {flag} was not enabled: {answer[:200]}")


def _words(ctl: Ctl, node: str, expression: str) -> list[str]:
    found = ctl.evaluate(node, f"iolist_to_binary(rabbit_json:encode({expression}))")
    return [str(name) for name in json.loads(found)]
