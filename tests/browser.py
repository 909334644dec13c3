"""A real browser, Chromium, asked over a pipe: nothing but the browser itself is needed."""

import base64
import io
import json
import math
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.patience import SOON

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


class Browser:
    """An open page, by the commands of Chromium's DevTools protocol.

    Attributes:
        events: what the browser said by itself, such as requests and errors on the page.
    """

    def __init__(self, asked: int, answers: int) -> None:
        self._asked, self._answers = os.fdopen(asked, "wb"), os.fdopen(answers, "rb")
        self._unread = bytearray()
        self._session: dict[str, str] = {}
        self._count = 0
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for something, and wait for the answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params} | self._session
        self._asked.write(json.dumps(message).encode() + b"\0")
        self._asked.flush()
        while (answer := self._next()).get("id") != self._count:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(
        self, page: Path | str, width: int = 1200, height: int = 1000, *, dark: bool = False, phone: bool = False
    ) -> None:
        """Show a file, or an address, in a window of that size, and wait until all of it is there."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:
        """The value of JavaScript on the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Wait until JavaScript on the page has a value that counts as true; that value."""
        deadline = time.monotonic() + SOON
        while not (value := self.value(expression)):
            assert time.monotonic() < deadline, (expression, self.value("document.body.innerText"))
            time.sleep(0.2)
        return value

    def screenshot(self, file: Path) -> None:
        """Write what the window shows as a PNG."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def mouse(self, kind: str, x: float, y: float, *, held: bool = True) -> None:
        """Press, move or release the left button: mousePressed, mouseMoved, mouseReleased."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=int(held), clickCount=1)

    def place(self, selector: str) -> dict[str, float]:
        """Where the first such element is in the window, after scrolling to it, and how far `down` the page then is."""
        found = f"const e = document.querySelector({json.dumps(selector)});"
        where = "{x: r.x, y: r.y, width: r.width, height: r.height, down: scrollY}"
        return self.value(
            f"(() => {{ {found} e.scrollIntoView({{block: 'center'}});"
            f"const r = e.getBoundingClientRect(); return {where} }})()"
        )

    def drag(self, selector: str, start: float, end: float) -> None:
        """Drag over an element with the mouse, from one share of its width to another, at half its height."""
        where = self.place(selector)
        shares = (start, (start + end) / 2, end)
        points = [(where["x"] + where["width"] * share, where["y"] + where["height"] / 2) for share in shares]
        self.mouse("mousePressed", *points[0])
        for point in points[1:]:
            self.mouse("mouseMoved", *point)
        self.mouse("mouseReleased", *points[-1], held=False)

    def row(self, selector: str, below: float) -> NDArray[np.uint8]:
        """The colours of a row of the screen through an element, left to right, uint8 (N, 3).

        Args:
            selector: of the element.
            below: how far below its upper edge.
        """
        where = self.place(selector)
        # whole pixels, as the browser draws them: a clip between them would be smoothed
        x, y = (math.floor(value) for value in (where["x"], where["y"] + where["down"] + below))
        clip = {"x": x, "y": y, "width": where["width"], "height": 1}
        shot = self.call("Page.captureScreenshot", format="png", clip=clip | {"scale": 1})["data"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(shot))).convert("RGB"))[0]

    def choose(self, selector: str, value: object) -> None:
        """Give a field a value as a person does: it takes the value, and says so."""
        field = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{field}.{'checked' if isinstance(value, bool) else 'value'} = {json.dumps(value)}")
        self.value(f"{field}.dispatchEvent(new Event('input', {{bubbles: true}}))")

    def key(self, name: str) -> None:
        """Press and release a key."""
        codes = {"Tab": 9, "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Enter": 13}
        # a key that writes something does what it does by what it writes
        text = {"text": "\r"} if name == "Enter" else {}
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            code = codes[name]
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **text)

    def nothing_is_cut(self) -> bool:
        """Whether all of the page is within its width, and no part of it has to be scrolled sideways."""
        over = self.value(
            "[document.documentElement, ...document.querySelectorAll('.scroll')]"
            ".filter(e => e.scrollWidth > e.clientWidth).map(e => `${e.tagName} ${e.ariaLabel} ${e.scrollWidth}`)"
        )
        assert over == []
        beyond = self.value(
            "[...document.querySelectorAll('body *')].filter(e => e.offsetParent && !e.closest('.stage'))"
            ".map(e => [e, e.getBoundingClientRect()])"
            ".filter(([, r]) => r.left < -1 || r.right > document.documentElement.clientWidth + 1)"
            ".map(([e]) => `${e.tagName} ${e.textContent.slice(0, 80)}`)"
        )
        assert beyond == []
        return True

    def pdf_pages(self) -> int:
        """On how many sheets of A4 the page is printed."""
        printed = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)["data"]
        return len(re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed)))

    def wrong(self) -> list[dict[str, Any]]:
        """Errors on the page, and what it asked of anybody but itself."""
        asked = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        errors = ("Runtime.exceptionThrown", "Log.entryAdded")
        elsewhere = [event for event in asked if not event["params"]["request"]["url"].startswith(("file:", "data:"))]
        return elsewhere + [event for event in self.events if event["method"] in errors]

    def _next(self) -> dict[str, Any]:
        # a message ends with a zero; one with a picture or a printed page has millions of bytes
        seen = 0
        while (end := self._unread.find(b"\0", seen)) < 0:
            seen = len(self._unread)
            part = self._answers.read1(1 << 20)
            assert part, "the browser has ended"
            self._unread += part
        message, self._unread = self._unread[:end], self._unread[end + 1 :]
        return json.loads(message)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Start Chromium with a profile in a folder; the test is skipped where there is none."""
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("there is no Chromium here; Debian has it as `chromium`")
    (asked_read, asked_write), (answers_read, answers_write) = os.pipe(), os.pipe()
    command = [
        *(program, "--headless=new", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--no-sandbox"),
        *("--disable-background-networking", f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"),
    ]

    def as_chromium_has_them() -> None:
        # copies first: one of the four may be 3 or 4 itself
        ends = os.dup(asked_read), os.dup(answers_write)
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    running = subprocess.Popen(
        command, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=as_chromium_has_them
    )
    os.close(asked_read)
    os.close(answers_write)
    try:
        yield Browser(asked_write, answers_read)
    finally:
        running.kill()
        running.wait()
