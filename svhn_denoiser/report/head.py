"""The head that every page of this project begins with: its look in both themes and on paper, and what it may load."""

from html import escape
from pathlib import Path

_STYLE = Path(__file__).with_name("style.html").read_text(encoding="utf-8")


def head(title: str, *styles: str, scripts: str = "") -> str:
    """HTML from the document's first line on; the page adds styles of its own, and closes the head.

    Args:
        title: of the window, without markup.
        styles: elements of parts that the page uses, such as `slider.STYLE`.
        scripts: what a Content-Security-Policy's script-src has to name, such as `slider.SCRIPT_SOURCE`; without it, no
            script runs. Nothing is loaded from elsewhere in any case.
    """
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if scripts:
        policy += f"; script-src {scripts}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{escape(title)}</title>
{_STYLE}{"".join(styles)}"""
