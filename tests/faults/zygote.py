"""Commands of this project as processes of their own, without waiting for TensorFlow: forked from one that imported it.

`python -m tests.faults.zygote` reads orders, one line of JSON each, and answers each with a line of JSON. A child
runs a module as `python -m` does, and may have a fault in it: it is killed, or the disk is full, at its n-th change of
a file. A command takes a tenth of the time that a process of its own would. What a process reads while it starts (the
locale, Keras's settings) is the zygote's.
"""

import ctypes
import json
import os
import runpy
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

IMPORTS = (
    "svhn_denoiser.cli",
    "svhn_denoiser.generation",
    "svhn_denoiser.sources.fetch",
    "svhn_denoiser.sources.synthetic",
    "svhn_denoiser.evaluation.suite",
    "svhn_denoiser.report.folder",
    "svhn_denoiser.training.fitting",
    "svhn_denoiser.registry.registration",
    "svhn_denoiser.tracking.runs",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "skimage.restoration",
)

# what changes a file or a folder; `open` does where it is for writing
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Fault:
    """Counts what this process changes below a folder, and at the n-th change kills it, or has the disk full."""

    def __init__(self, folder: str, at: int, error: int, count: str) -> None:
        self.folder, self.at, self.error, self.count = os.path.realpath(folder), at, error, count
        self.seen = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" and event not in _CHANGES:
            return
        path = arguments[0]
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        if not isinstance(path, str | bytes) or not os.path.abspath(os.fsdecode(path)).startswith(self.folder):
            return
        if os.fsdecode(path) == self.count:
            return
        self.seen += 1
        if self.seen == self.at:
            if self.error:
                raise OSError(self.error, os.strerror(self.error), os.fsdecode(path))
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, seconds: float) -> None:
        if self.count:
            Path(self.count).write_text(json.dumps({"changes": self.seen, "seconds": seconds}))


def _without_privileges() -> None:
    # root, without the right to pass by permissions: what remains is the owner of the files
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def child(order: dict[str, Any]) -> None:
    """Become the command; never returns."""
    os.setsid()
    os.chdir(order["folder"])
    out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING", "MLFLOW_REGISTRY"))]:
        del os.environ[name]
    os.environ.update(order["environment"])
    import resource

    for name, limit in order["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if order["unprivileged"] and os.geteuid() == 0:
        _without_privileges()
    if order["after"]:
        # of processor time: as far into the work on a loaded machine as on an idle one. Nothing handles the signal
        signal.setitimer(signal.ITIMER_PROF, order["after"])
    fault = Fault(order["watched"], order["at"], order["error"], order["count"])
    sys.addaudithook(fault)
    began = time.process_time()
    sys.argv = order["command"]
    sys.path[0:0] = [order["folder"]]
    code: Any = 1
    try:
        runpy.run_module(order["command"][0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if end.code and not isinstance(end.code, int):
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    if order["after"]:
        signal.setitimer(signal.ITIMER_PROF, 0)
    fault.note(time.process_time() - began)
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code or 0)


def main() -> None:
    """Import, say that all is ready, and fork a child for each order."""
    import importlib

    # as `python -m` would have done for each command; nothing of it may have begun to compute
    for name in IMPORTS:
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            child(order)
        print(json.dumps({"process": process}), file=answers, flush=True)
        _, status = os.waitpid(process, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), file=answers, flush=True)


if __name__ == "__main__":
    main()
