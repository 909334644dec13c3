"""Bring to GitHub or GitLab what a retraining came to.

    python3 .ci/publish.py comment REPORT    the summary and three pictures, as the one comment on a pull request
    python3 .ci/publish.py propose BUNDLE    the commit of `retrain --commit`, to main or as a pull request

Python's own library and git are all it needs: it runs beside a token that may write, where nothing else should run.
What it is given was made by a job without that right, and is looked at before it is used.
"""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

MARKER = "<!-- svhn-denoiser retrain -->"
MAIN, PROPOSAL = "main", "retraining"
LOCK, PARAMS = "dvc.lock", "params.yaml"
PLAIN_FILE = "100644"  # git's mode
TITLE = "Record a retraining"
# GitHub takes 65,536 characters in a comment
MOST_CHARACTERS = 60_000
PICTURES = ("best.png", "median.png", "worst.png")
TIMEOUT = 60


class PublishError(Exception):
    """It could not be published; the message is for people."""


class Forge(Protocol):
    """Where the repository is at home."""

    remote: str
    user: str

    def comments(self) -> Iterator[tuple[str, str]]:
        """The address and the text of each comment of one's own on the pull request."""

    def write(self, address: str | None, text: str) -> None:
        """Put a text in a comment's place; without one, write a new one."""

    def shown(self, pictures: list[Path]) -> list[str]:
        """Pictures as Markdown."""

    def propose(self, commit: str, branch: str, text: str) -> str:
        """Open a pull request for a commit on a branch, or bring the open one up to date; where it is."""


class GitHub:
    """A job of GitHub Actions, with `TOKEN`, and `PULL_REQUEST` for a comment."""

    remote = "origin"
    user = "x-access-token"

    def __init__(self) -> None:
        self.repository = f"{_env('GITHUB_API_URL')}/repos/{_env('GITHUB_REPOSITORY')}"
        self.pages = f"{_env('GITHUB_SERVER_URL')}/{_env('GITHUB_REPOSITORY')}"

    def comments(self) -> Iterator[tuple[str, str]]:
        for comment in self._all(f"{self.repository}/issues/{_env('PULL_REQUEST')}/comments"):
            if comment["user"]["login"] == "github-actions[bot]":
                yield comment["url"], comment["body"]

    def write(self, address: str | None, text: str) -> None:
        if address is None:
            self._ask("POST", f"{self.repository}/issues/{_env('PULL_REQUEST')}/comments", {"body": text})
        else:
            self._ask("PATCH", address, {"body": text})

    def shown(self, pictures: list[Path]) -> list[str]:
        # A comment can only link to pictures. They go to a ref that is no branch: it is in nobody's clone, and the next
        # run of the same pull request replaces it.
        lines = [f"100644 blob {_git('hash-object', '-w', str(file))}\t{file.name}" for file in pictures]
        tree = _git("mktree", given="\n".join(lines) + "\n")
        commit = _git("commit-tree", tree, "-m", f"Pictures for pull request {_env('PULL_REQUEST')}")
        _push(self, f"+{commit}:refs/retraining/{_env('PULL_REQUEST')}")
        return [f"![{file.stem}]({self.pages}/blob/{commit}/{file.name}?raw=true)" for file in pictures]

    def propose(self, commit: str, branch: str, text: str) -> str:
        _push(self, f"+{commit}:refs/heads/{branch}")
        owner = _env("GITHUB_REPOSITORY").split("/")[0]
        for request in self._all(f"{self.repository}/pulls?state=open&base={MAIN}&head={owner}:{branch}"):
            self._ask("PATCH", request["url"], {"body": text})
            return str(request["html_url"])
        new = {"title": TITLE, "head": branch, "base": MAIN, "body": text}
        return str(self._ask("POST", f"{self.repository}/pulls", new)["html_url"])

    def _all(self, address: str) -> Iterator[dict[str, Any]]:
        page = 1
        while found := self._ask("GET", f"{address}{'&' if '?' in address else '?'}per_page=100&page={page}"):
            yield from found
            page += 1

    def _ask(self, method: str, address: str, content: object = None) -> Any:
        headers = {"Authorization": f"Bearer {_env('TOKEN')}", "Accept": "application/vnd.github+json"}
        return _ask(method, address, headers, content)


class GitLab:
    """A job of GitLab CI, with `TOKEN`, a project access token; a merge request's pipeline for a comment."""

    user = "oauth2"

    def __init__(self) -> None:
        self.project = f"{_env('CI_API_V4_URL')}/projects/{_env('CI_PROJECT_ID')}"
        self.remote = f"{_env('CI_PROJECT_URL')}.git"

    def comments(self) -> Iterator[tuple[str, str]]:
        me = self._ask("GET", f"{_env('CI_API_V4_URL')}/user")["id"]
        page = 1
        while found := self._ask("GET", f"{self._notes()}?per_page=100&page={page}"):
            yield from ((f"{self._notes()}/{note['id']}", note["body"]) for note in found if note["author"]["id"] == me)
            page += 1

    def write(self, address: str | None, text: str) -> None:
        self._ask("PUT" if address else "POST", address or self._notes(), {"body": text})

    def shown(self, pictures: list[Path]) -> list[str]:
        return [self._upload(file)["markdown"] for file in pictures]

    def propose(self, commit: str, branch: str, text: str) -> str:
        wanted = ["create", f"target={MAIN}", f"title={TITLE}", f"description={text.splitlines()[0]}"]
        options = [argument for option in wanted for argument in ("-o", f"merge_request.{option}")]
        _push(self, f"+{commit}:refs/heads/{branch}", *options)
        return f"{_env('CI_PROJECT_URL')}/-/merge_requests?source_branch={branch}"

    def _notes(self) -> str:
        return f"{self.project}/merge_requests/{_env('CI_MERGE_REQUEST_IID')}/notes"

    def _upload(self, file: Path) -> Any:
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
        head += "Content-Type: image/png\r\n\r\n"
        body = head.encode() + file.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
        headers = {"PRIVATE-TOKEN": _env("TOKEN"), "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return _ask("POST", f"{self.project}/uploads", headers, body)

    def _ask(self, method: str, address: str, content: object = None) -> Any:
        return _ask(method, address, {"PRIVATE-TOKEN": _env("TOKEN")}, content)


def comment(forge: Forge, report: Path) -> str:
    """Write the summary of a report as the one comment, or put it in the place of an earlier one."""
    text = (report / "retraining.md").read_text(encoding="utf-8", errors="replace")
    if text.partition("\n")[0] != MARKER:
        raise PublishError(f"{report}/retraining.md: does not begin with {MARKER}: no summary of a retraining.")
    pictures = _pictures(report)
    parts = [text[:MOST_CHARACTERS].rstrip(), *(forge.shown(pictures) if pictures else [])]
    if address := os.environ.get("REPORT"):
        parts.append(f"[The whole report]({address})")
    earlier = next((where for where, body in forge.comments() if body.startswith(MARKER)), None)
    forge.write(earlier, "\n\n".join(parts) + "\n")
    return "the comment is brought up to date" if earlier else "a comment is written"


def _pictures(report: Path) -> list[Path]:
    """The pictures to show, of those that this retraining made: an earlier one's may lie beside them."""
    try:
        made = json.loads((report / "retraining.json").read_text(encoding="utf-8"))["pictures"]
        wanted = [report / "images" / name for name in PICTURES if f"reports/images/{name}" in made]
    except (ValueError, KeyError, TypeError):
        raise PublishError(f"{report}/retraining.json: is not what a retraining writes: no list of pictures.") from None
    # a link might show what this job alone can read, as its environment
    return [file for file in wanted if file.is_file() and not file.is_symlink()]


def propose(forge: Forge, bundle: Path) -> str:
    """Push the commit of a bundle to main; where that is refused, as when main is protected, propose it."""
    _git("fetch", "--quiet", str(bundle), "HEAD")
    commit = _git("rev-parse", "FETCH_HEAD")
    # none, where this job is run again after main took it
    if not (new := _git("rev-list", commit, f"^origin/{MAIN}").split()):
        return f"{MAIN} has it"
    if len(new) > 1:
        raise PublishError(f"{bundle}: brings {len(new)} commits; a retraining makes one.")
    changed = _changed(commit)
    if others := set(changed) - {LOCK, PARAMS}:
        names = ", ".join(map(ascii, sorted(others)))
        raise PublishError(f"{bundle}: changes {names}; a retraining records {LOCK} and {PARAMS} only.")
    for name, mode in changed.items():
        if mode != PLAIN_FILE:
            raise PublishError(f"{bundle}: {name} has mode {mode}; a retraining writes plain files, {PLAIN_FILE}.")
    try:
        _push(forge, f"{commit}:refs/heads/{MAIN}")
    except PublishError as refused:
        sys.stdout.write(f"{MAIN} does not take it:\n{refused}\n")
        text = _git("show", "--no-patch", "--format=%b", commit) or TITLE
        # dvc.lock alone is out of date when the next one is made; settings that somebody chose are nowhere else
        branch = f"{PROPOSAL}-settings-{commit[:9]}" if PARAMS in changed else PROPOSAL
        return f"proposed: {forge.propose(commit, branch, text)}"
    return f"{MAIN} has it"


def _changed(commit: str) -> dict[str, str]:
    """Names and modes of the files in which a commit differs from main, as it was when the commit was made."""
    began = _git("merge-base", f"origin/{MAIN}", commit)
    # where LICENSE was renamed to dvc.lock, git with renames names dvc.lock alone
    fields = _git("diff-tree", "-r", "-z", "--no-renames", began, commit).split("\0")[:-1]
    # :OLD-MODE MODE OLD-BLOB BLOB STATUS, then the name
    return {name: change.split()[1] for change, name in zip(fields[::2], fields[1::2], strict=True)}


def main() -> int:
    """Run one of the two commands; what goes wrong for a reason is said in a line."""
    commands = {"comment": comment, "propose": propose}
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        forge: Forge = GitLab() if "GITLAB_CI" in os.environ else GitHub()
        sys.stdout.write(f"{commands[sys.argv[1]](forge, Path(sys.argv[2]))}\n")
    except (PublishError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _ask(method: str, address: str, headers: dict[str, str], content: object = None) -> Any:
    if not isinstance(content, bytes | None):
        content, headers = json.dumps(content).encode(), headers | {"Content-Type": "application/json"}
    request = urllib.request.Request(address, content, headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = error.read(500).decode(errors="replace")
        raise PublishError(f"{method} {address}: {error.code} {error.reason}: {said}") from None


def _push(forge: Forge, refspec: str, *options: str) -> None:
    # the token goes by the environment: neither on a disk, nor where other processes see it
    secret = base64.b64encode(f"{forge.user}:{_env('TOKEN')}".encode()).decode()
    header = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader"}
    header["GIT_CONFIG_VALUE_0"] = f"Authorization: Basic {secret}"
    _git("push", "--quiet", *options, forge.remote, refspec, **header)


def _git(*arguments: str, given: str | None = None, **environment: str) -> str:
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in _WHO.items()}
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        input=given,
        env=os.environ | who | environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise PublishError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


_WHO = {"NAME": "svhn-denoiser retrain", "EMAIL": "svhn-denoiser@localhost"}


def _env(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise PublishError(f"{name} is not set. This is for jobs of GitHub Actions and GitLab CI.")
    return value


if __name__ == "__main__":
    sys.exit(main())
