"""What people wrote does not break Markdown: names of files, settings, users."""

import pytest
from ruamel.yaml import YAML

from svhn_denoiser import markdown

NASTY = [
    "a`b``c",
    "`",
    "",
    "x\n\n# no heading\n---\n- [link](x)",
    "a|b",
    "<img src=x onerror=alert(1)>",
    "\u202e\udcff\t",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_code_span_holds_any_text_in_one_line(text: str) -> None:
    span = markdown.code(text)
    fence = span[: len(span) - len(span.lstrip("`"))]
    assert span.endswith(fence)
    inside = span[len(fence) : -len(fence)]
    assert fence not in inside
    assert inside.isprintable()
    span.encode()


@pytest.mark.parametrize("text", ["plain", "```\nout of the block\n```", "a\n````", "\udcff"])
def test_a_block_ends_where_it_should(text: str) -> None:
    first, *inside, last = markdown.block(text, "sh").split("\n")
    assert first == f"{last}sh"
    assert not any(line.startswith(last) for line in inside)


def test_a_cell_stays_a_cell() -> None:
    head, _, row = markdown.table(["a", "b"], [["one | two", "x\ny"]]).split("\n")
    assert (head, row) == ("| a | b |", "| one \\| two | x y |")


@pytest.mark.parametrize("text", [*NASTY, "no", "1", "- a: b", "a: b # c", "'\"", "%&*!@?"])
def test_front_matter_is_yaml_that_gives_the_text_back(text: str) -> None:
    fields = {"name": text, "list": [text, 1.5], "empty": []}
    first, *lines, last = markdown.front_matter(fields).split("\n")
    assert (first, last) == ("---", "---")
    assert "---" not in lines
    read = YAML(typ="safe").load("\n".join(lines))
    told = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in " ".join(text.split()))
    assert read == {"name": told, "list": [told, 1.5], "empty": []}
    assert list(read) == list(fields)
