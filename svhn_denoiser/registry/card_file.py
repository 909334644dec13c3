"""Where a version's card is kept, and where people see it: with its model, on its run, and on the model's page."""

from pathlib import Path
from tempfile import TemporaryDirectory

from svhn_denoiser.files import write_text
from svhn_denoiser.registry.versions import (
    CHALLENGER,
    CHAMPION,
    DESCRIPTION,
    MODEL,
    Version,
    entry,
    registered_model,
    versions,
)
from svhn_denoiser.tracking.runs import run_exists
from svhn_denoiser.tracking.store import Store

# isort: split
from mlflow.artifacts import download_artifacts

FILE = "MODEL_CARD.md"
# how every card begins, after its front matter
_HEADING = f"# {MODEL}, version "
# what MLflow's database holds of a description
_LONGEST = 5000
_MORE = f"\n\n… The rest is in `{FILE}`, among the artifacts of its run."


def attach(store: Store, version: Version, card: str) -> None:
    """Keep a card with the version's model and on its run; one that is there is replaced.

    Args:
        store: where.
        version: whose card it is.
        card: Markdown.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        write_text(file, card)
        source = entry(store, version.number).source or ""
        if source.startswith("models:/m-"):
            store.client.log_model_artifact(source.removeprefix("models:/"), str(file))
        if run_exists(store, version.run_id):
            store.client.log_artifact(version.run_id, str(file))


def read(store: Store, version: Version) -> str | None:
    """A version's card; None where an earlier release registered it, or its artifacts are out of reach."""
    with TemporaryDirectory() as folder:
        address = f"models:/{MODEL}/{version.number}/{FILE}"
        try:
            found = download_artifacts(artifact_uri=address, dst_path=folder, tracking_uri=store.uri)
        except Exception:  # each kind of artifact store raises errors of its own
            return None
        return Path(found).read_text(encoding="utf-8")


def show(store: Store) -> None:
    """Put the champion's card on the model's page; where there is no champion, the newest version's.

    A text that a person wrote there stays.
    """
    shown = registered_model(store).description or DESCRIPTION
    if shown != DESCRIPTION and not shown.startswith(_HEADING):
        return
    known = {alias: version for version in versions(store) for alias in version.aliases}
    version = known.get(CHAMPION) or known.get(CHALLENGER)
    if version is None:
        return
    line = entry(store, version.number).description or ""
    text = for_page(version.number, line, read(store, version) or "")
    if text != shown:
        store.client.update_registered_model(MODEL, text)


def for_page(number: int, line: str, card: str) -> str:
    """What the model's page shows: heading, the version's line, then the card without its front matter.

    Args:
        number: of the version.
        line: its description.
        card: Markdown; empty where there is none.
    """
    heading = f"{_HEADING}{number}"
    body = card.partition(f"\n{heading}\n")[2].strip()
    text = "\n\n".join(part for part in (heading, line, body) if part)
    if len(text) <= _LONGEST:
        return text
    # between two paragraphs, so that no table and no block of code is cut
    return text[: text.rindex("\n\n", 0, _LONGEST - len(_MORE))] + _MORE
