"""The options of the command line: one for each setting, with the setting's own line as its help."""

import inspect
import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from app.settings import Settings


def _option(name: str) -> Any:
    """The option of a setting; its help is the setting's line in Settings' docstring."""
    described = re.search(rf"^ *{name}: (.+?)\.?$", inspect.getdoc(Settings) or "", re.MULTILINE)
    default = {field.name: field.default for field in msgspec.structs.fields(Settings)}[name]
    text = described[1] if described else name
    return typer.Option(
        f"--{name.replace('_', '-')}",
        help=f"{text} [LINKGRAPH_{name.upper()}{'' if default is None else f', default {default}'}]",
        show_default=False,
    )


DataDir = Annotated[Path | None, _option("data_dir")]
Host = Annotated[str | None, _option("host")]
ApiPort = Annotated[int | None, _option("api_port")]
RedirectPort = Annotated[int | None, _option("redirect_port")]
WorkerPort = Annotated[int | None, _option("worker_port")]
JobsPort = Annotated[int | None, _option("jobs_port")]
ApiProcesses = Annotated[int | None, _option("api_processes")]
RedirectProcesses = Annotated[int | None, _option("redirect_processes")]
WorkerProcesses = Annotated[int | None, _option("worker_processes")]
JobsProcesses = Annotated[int | None, _option("jobs_processes")]
ShortUrl = Annotated[str | None, _option("short_url")]
Playground = Annotated[
    bool | None,
    typer.Option(
        "--playground/--no-playground", help="serve GraphiQL and introspection [LINKGRAPH_PLAYGROUND]"
    ),
]
Number = Annotated[int | None, typer.Option(hidden=True)]
Parent = Annotated[int | None, typer.Option(hidden=True)]
Fd = Annotated[list[int] | None, typer.Option(hidden=True)]
