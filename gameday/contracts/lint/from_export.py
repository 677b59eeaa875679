"""An exported definitions.json as designs, one for each virtual host in it.

What a broker exports is taken as it is, of any version; a row that lacks what makes it one (a
queue without a name) is a `UsageError` with its JSON path.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from gameday.contracts.difference import is_built_in
from gameday.contracts.document import Path
from gameday.contracts.lint.design import BindingRow, Design, ExchangeRow, PolicyRow, QueueRow
from gameday.errors import UsageError

OPERATOR = "operator_policy"
ALL = ""
"""Stands for the only virtual host of an export."""

SECTIONS = ("queues", "exchanges", "bindings", "policies", "vhosts")
"""What an export has at least one of, and a contract none."""


class _Row(BaseModel):
    """A row of an export; in that of a single virtual host some rows name none."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    vhost: str = ""

    def is_in(self, vhost: str) -> bool:
        """Whether it belongs to a virtual host."""
        return vhost in {ALL, self.vhost}


class _Exchange(_Row):
    name: str
    type: str
    arguments: dict[str, Any] = {}


class _Queue(_Row):
    name: str
    type: str | None = None
    durable: bool = True
    auto_delete: bool = False
    exclusive: bool = False
    arguments: dict[str, Any] = {}


class _Binding(_Row):
    source: str
    destination: str
    destination_type: str = "queue"
    routing_key: str = ""


class _Rule(BaseModel):
    """What a policy and an operator's policy share."""

    pattern: str
    apply_to: str = Field("all", alias="apply-to")
    definition: dict[str, Any]
    priority: int = 0


class _Policy(_Row, _Rule):
    name: str


class _Parameter(_Row):
    component: str
    name: str
    value: Any = Field(None, validate_default=True)

    @field_validator("value")
    @classmethod
    def _operator(cls, value: Any, info: ValidationInfo) -> Any:
        """Read an operator's policy; other parameters are left as they are."""
        if info.data.get("component") == OPERATOR:
            return _Rule.model_validate(value)
        return value


class _Vhost(BaseModel):
    name: str
    default_queue_type: str | None = None


class _Export(BaseModel):
    vhosts: tuple[_Vhost, ...] = ()
    exchanges: tuple[_Exchange, ...] = ()
    queues: tuple[_Queue, ...] = ()
    bindings: tuple[_Binding, ...] = ()
    policies: tuple[_Policy, ...] = ()
    parameters: tuple[_Parameter, ...] = ()
    default_queue_type: str | None = None


def designs_of(data: dict[str, Any], file: str, version: str, nodes: int) -> Iterator[Design]:
    """Yield a design for each virtual host that has anything, in the file's order."""
    try:
        export = _Export.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{file}: {json_path(first['loc'])}: {first['msg'].lower()}; this is no export of a "
            "broker as it stands: export it again, or mend the row",
        ) from error
    rows = (*export.exchanges, *export.queues, *export.bindings, *export.policies)
    types = {vhost.name: vhost.default_queue_type for vhost in export.vhosts}
    # An export of a single virtual host names it in some rows and not in others.
    single = any(row.vhost == "" for row in rows)
    for vhost in [ALL] if single else dict.fromkeys(row.vhost for row in rows):
        default = types.get(vhost) or export.default_queue_type or "classic"
        yield _design(export, vhost, default, version, nodes)


def _design(export: _Export, vhost: str, default: str, version: str, nodes: int) -> Design:
    return Design(
        version=version,
        nodes=nodes,
        exchanges=tuple(
            ExchangeRow(("exchanges", i), row.name, row.type, row.arguments)
            for i, row in enumerate(export.exchanges)
            if row.is_in(vhost) and not is_built_in(row.name)
        ),
        queues=tuple(
            QueueRow(
                path=("queues", i),
                name=row.name,
                type=row.type or str(row.arguments.get("x-queue-type", default)),
                durable=row.durable,
                auto_delete=row.auto_delete,
                exclusive=row.exclusive,
                arguments=row.arguments,
            )
            for i, row in enumerate(export.queues)
            if row.is_in(vhost)
        ),
        bindings=tuple(
            BindingRow(
                ("bindings", i),
                row.source,
                row.destination,
                row.routing_key,
                row.destination_type == "queue",
            )
            for i, row in enumerate(export.bindings)
            if row.is_in(vhost) and row.source != ""
        ),
        policies=tuple(_policies(export, vhost)),
    )


def _policies(export: _Export, vhost: str) -> Iterator[PolicyRow]:
    """Yield policies and, which an export has among its parameters, operators' policies."""
    for i, row in enumerate(export.policies):
        if row.is_in(vhost):
            yield _policy(("policies", i), row.name, row, operator=False)
    for i, parameter in enumerate(export.parameters):
        if parameter.is_in(vhost) and isinstance(parameter.value, _Rule):
            path = ("parameters", i, "value")
            yield _policy(path, parameter.name, parameter.value, operator=True)


def _policy(path: Path, name: str, row: _Rule, *, operator: bool) -> PolicyRow:
    return PolicyRow(path, name, row.pattern, row.apply_to, row.definition, row.priority, operator)


def json_path(path: Path) -> str:
    """Return a path as JSONPath writes it: `$.queues[3].arguments["x-expires"]`."""
    words = ""
    for part in path:
        if isinstance(part, int):
            words += f"[{part}]"
        else:
            words += f".{part}" if part.replace("_", "a").isalnum() else f'["{part}"]'
    return f"${words}"
