"""What a run could not record while its store was away: kept on disk, and sent when the store answers again.

A run has a file with a record a line, as a checksum and JSON, and a folder of pictures beside it. A damaged line costs
that line alone. Sending them twice does no harm: MLflow takes a point with the same time for the same point.
"""

import json
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from svhn_denoiser.paths import OUTBOX
from svhn_denoiser.tracking.location import repository_root

if TYPE_CHECKING:
    from mlflow import MlflowClient

# a line: points of curves, tags, a picture, or how the run ended
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """What was sent of a run.

    Attributes:
        run_id: of which.
        points: how many points of curves.
        pictures: how many.
        ended: how the run ended, FINISHED, FAILED or KILLED; None where it goes on.
        damaged: how many records were damaged on the disk, and left out.
    """

    run_id: str
    points: int = 0
    pictures: int = 0
    ended: str | None = None
    damaged: int = 0


class Outbox:
    """What is to be sent of one run.

    Args:
        folder: of all outboxes.
        run_id: whose.
        store: the public address of the store that the run is in.
    """

    def __init__(self, folder: Path, run_id: str, store: str) -> None:
        self.run_id, self.store = run_id, store
        self.file = folder / f"{run_id}.jsonl"
        self.pictures = folder / run_id

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send."""
        return self.file.exists()

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record."""
        with self._alone():
            # a kill in the middle of a line, and what comes next must not be lost with it
            end = "" if not self.waiting or self.file.read_bytes().endswith(b"\n") else "\n"
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"{end}{line(record | {'store': self.store})}\n")

    def add_picture(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """Keep a picture, uint8 (H, W, 3) or (H, W)."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        file = self.pictures / f"{name}+{step}.png"
        Image.fromarray(picture).save(file)
        self.add({"picture": file.name, "name": name, "step": step})

    def send(self, client: "MlflowClient") -> Sent:
        """Send all that is waiting, and forget it; where that fails, all of it stays.

        Raises:
            MlflowException, RequestException, OSError: the store is still away, or does not have the run.
        """
        with self._alone():
            records = list(read(self.file)) if self.waiting else []
            points, pictures, ended, damaged = 0, 0, None, records.count(None)
            for record in filter(None, records):
                if "picture" in record:
                    try:
                        picture = _picture(self.pictures / record["picture"])
                    except FileNotFoundError:  # sent by one that was killed while it forgot them
                        continue
                    except (OSError, SyntaxError, ValueError, EOFError):
                        damaged += 1
                        continue
                    send_picture(client, self.run_id, record["name"], picture, record["step"])
                    pictures += 1
                else:
                    send_record(client, self.run_id, record)
                    points += len(record.get("metrics", ()))
                    ended = record.get("status", ended)
            shutil.rmtree(self.pictures, ignore_errors=True)
            self.file.unlink(missing_ok=True)
        return Sent(self.run_id, points, pictures, ended, damaged)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # a training and a command that reaches the store may both be at it
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.file.with_suffix(".lock")):
            yield
            if not self.waiting:
                self.file.with_suffix(".lock").unlink(missing_ok=True)


def of_run(run_id: str, store: str) -> Outbox:
    """The outbox of a run in this repository."""
    return Outbox(repository_root() / OUTBOX, run_id, store)


def waiting() -> list[Outbox]:
    """All outboxes of this repository that hold something, whatever their store."""
    found = []
    for file in sorted((repository_root() / OUTBOX).glob("*.jsonl")):
        with suppress(OSError):  # of another user
            stores = [record["store"] for record in read(file) if record is not None]
            found += [Outbox(file.parent, file.stem, store) for store in stores[:1]]
    return found


def line(record: Record) -> str:
    """A record as it is kept."""
    text = json.dumps(record)
    return f"{zlib.crc32(text.encode()):08x} {text}"


def read(file: Path) -> Iterator[dict[str, Any] | None]:
    """The records of an outbox, and None for each that is damaged: half of a line, where a program was killed."""
    for each in file.read_bytes().splitlines():
        recorded, _, text = each.partition(b" ")
        intact = recorded == b"%08x" % zlib.crc32(text)
        yield json.loads(text) if intact else None


def _picture(file: Path) -> Image.Image:
    with Image.open(file, formats=["PNG"]) as picture:
        picture.load()
        return picture


def now() -> int:
    """The time as MLflow has it, in ms since 1970."""
    return int(time.time() * 1000)


def send_record(client: "MlflowClient", run_id: str, record: Record) -> None:
    """Send points (`metrics`, `step`, `at`), `tags`, or how the run ended (`status`, `at`); `at` in ms since 1970."""
    from mlflow.entities import Metric, RunTag

    if "status" in record:
        client.set_terminated(run_id, record["status"], record["at"])
        return
    points = [Metric(name, value, record["at"], record["step"]) for name, value in record.get("metrics", {}).items()]
    tags = [RunTag(key, value) for key, value in record.get("tags", {}).items()]
    # not in a thread of MLflow's, which a setting in the environment could have: its errors would be lost
    client.log_batch(run_id, metrics=points, tags=tags, synchronous=True)


def send_picture(client: "MlflowClient", run_id: str, name: str, picture: Image.Image, step: int) -> None:
    """Send a picture that the UI shows with a slider over the steps, unless the run has it already."""
    files = [file.path.rpartition("/")[2] for file in client.list_artifacts(run_id, "images")]
    # as MLflow 3.17 names them: NAME+step+STEP+timestamp+...
    if not any(file.startswith(f"{name}+step+{step}+") for file in files):
        client.log_image(run_id, picture, key=name, step=step, synchronous=True)
