"""Reads what a benchmark wrote."""


def tables(page: str) -> dict[str, dict[str, list[str]]]:
    """The rows of a page's tables by their first cell, under the heading before them."""
    found: dict[str, dict[str, list[str]]] = {}
    heading = ""
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if line.startswith("| "):
            name, *cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            found.setdefault(heading, {})[name] = cells
    return found
