"""What the commands share: the options that mean the same everywhere, and how they print."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

out = Console()
err = Console(stderr=True)


def print_json(content: object) -> None:
    """Print JSON with sorted keys on standard output."""
    # in other locales what is not ASCII would be replaced or escaped in ways that JSON does not have
    any_character = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=not any_character))
