"""Markdown for comments and cards: what people wrote, such as names and settings, never breaks it.

Text of people stands in code spans, in fences and in tables, where Markdown and HTML mean nothing. Credentials are
blanked out on the way.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from svhn_denoiser.credentials import masked


def one_line(text: str) -> str:
    """A text in one line, without credentials: every run of blanks and line breaks is one blank."""
    # masked here: a secret that a table has escaped is not found any more
    return " ".join(masked(text).split())


def code(text: str) -> str:
    """A text as a code span, in one line; what cannot be printed is escaped as in Python."""
    shown = _printable(one_line(text))
    fence = "`" * (_longest_run(shown) + 1)
    # the blanks beside a backtick are no part of the span
    blank = " " if shown.startswith("`") or shown.endswith("`") or not shown else ""
    return f"{fence}{blank}{shown}{blank}{fence}"


def block(text: str, language: str = "") -> str:
    """Lines as a block of code."""
    shown = "\n".join(map(_printable, masked(text).splitlines()))
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures.

    Args:
        head: the names of the columns.
        rows: cells, each in one line of the table whatever it holds.
    """
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def front_matter(fields: Mapping[str, Any]) -> str:
    """The YAML between two lines of dashes that a model card begins with, as Hugging Face reads it.

    Args:
        fields: text, numbers, lists and mappings, in the order in which they stand there.
    """
    # the light installation, which has none of it, reads this file too
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 4096
    text = io.StringIO()
    yaml.dump(_plain(fields), text)
    return f"---\n{text.getvalue()}---"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return _printable(one_line(value)) if isinstance(value, str) else value


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _printable(text: str) -> str:
    # a name of a file may hold bytes that are no text, and marks that turn the rest of a line around
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
