"""What the commands share: the options that mean the same everywhere, and how they print."""

import json
import re
import sys
from typing import Annotated

import typer
from rich.console import Console

from svhn_denoiser.credentials import masked, masked_leaves

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

out = Console()
err = Console(stderr=True)


def in_one_line(sentence: str) -> str:
    """A sentence with names in it: a line break or an escape sequence in a file's name does nothing to a terminal.

    An address given in the place of a file shows no password.
    """
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], masked(sentence))


def print_json(content: object) -> None:
    """Print JSON with sorted keys, and without credentials, on standard output."""
    print_masked_json(masked_leaves(content))


def print_masked_json(content: object) -> None:
    """The same for what is masked already, where a secret may be a word that programs rely on."""
    # in other locales what is not ASCII would be replaced or escaped in ways that JSON does not have
    any_character = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=not any_character))
