"""The command line's arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

System = Annotated[str, typer.Argument(help="A system, or a contract's path.")]
Broker = Annotated[str | None, typer.Option(help="A version such as 4.3, or a path.")]
BrokerSettings = Annotated[str, typer.Option(help="tuned or stock.")]
Tls = Annotated[bool, typer.Option("--tls", help="TLS to clients and between nodes.")]
Variables = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="One of the contract's variables."),
]
ClusterFile = Annotated[
    Path | None, typer.Option(help="An attached cluster, and its owner's commands for faults.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="With a cluster file: show each command; run none.")
]
Vhost = Annotated[str | None, typer.Option(help="The virtual host.")]
Output = Annotated[Path | None, typer.Option(help="The file to write, instead of printing it.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder, such as reports/runs/latest.")]
