"""What the commands share: the options that mean the same everywhere, and how they print."""

import json
from typing import Annotated

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

out = Console()
err = Console(stderr=True)


def print_json(content: object) -> None:
    """Print JSON with sorted keys on standard output."""
    typer.echo(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))
