"""Which broker settings a run uses: the contract's own for the version, or the broker's stock."""

import json
from typing import Any

from gameday.clusters.settings import BrokerSettings
from gameday.contracts.model import Contract
from gameday.contracts.topology import settings_for
from scenarios.options import SettingsChoice


def broker_settings(contract: Contract, version: str, choice: SettingsChoice) -> BrokerSettings:
    """Return the settings in the form that a cluster takes."""
    chosen = settings_for(contract, version, choice)
    arguments = [word for each in chosen.get("erlang", []) for word in each.value.split()]
    return BrokerSettings(
        rabbitmq_conf=tuple(each.value for each in chosen.get("rabbitmq.conf", [])),
        advanced=",\n".join(each.value for each in chosen.get("advanced.config", [])),
        erlang_arguments=tuple(arguments),
    )


def settings_used(contract: Contract, version: str, choice: SettingsChoice) -> tuple[Any, ...]:
    """Return the same for the manifest, each with its reason."""
    chosen = settings_for(contract, version, choice)
    return tuple(
        json.loads(each.model_dump_json()) for settings in chosen.values() for each in settings
    )
