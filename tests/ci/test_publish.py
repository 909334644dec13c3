"""What CI brings to a pull request: one comment with pictures, and dvc.lock; told to a forge on loopback."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from svhn_denoiser.retraining.comment import MARKER
from tests.ci.toy_forge import TOKEN, Forge
from tests.example_settings import ROOT

PICTURES = ("best", "median", "worst")
FORGES = ["GitHub", "GitLab"]


@pytest.fixture
def forge() -> Iterator[Forge]:
    """GitHub and GitLab in one."""
    forge = Forge()
    yield forge
    forge.close()


class Job:
    """A job's checkout of a repository whose home is a bare one beside it, `home.git`."""

    def __init__(self, folder: Path, forge: Forge) -> None:
        self.folder, self.home, self.forge = folder / "checkout", folder / "home.git", forge
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.home))
        git(self.home, "config", "receive.advertisePushOptions", "true")
        git(folder, "clone", "--quiet", str(self.home), str(self.folder))
        for name in ("dvc.lock", "params.yaml", "README.md"):
            (self.folder / name).write_text("first")
        self.commit("First")
        git(self.folder, "push", "--quiet", "origin", "HEAD:main")
        git(self.folder, "fetch", "--quiet")
        (self.folder / "report" / "images").mkdir(parents=True)
        for name in (*PICTURES, "another"):
            (self.folder / "report" / "images" / f"{name}.png").write_bytes(f"{name} as PNG".encode())
        self.name_pictures(*PICTURES, "another")
        self.summarize("### Not better")

    def commit(self, message: str) -> str:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", message)
        return git(self.folder, "rev-parse", "HEAD")

    def summarize(self, text: str) -> None:
        (self.folder / "report" / "retraining.md").write_text(f"{MARKER}\n\n{text}\n")

    def name_pictures(self, *names: str) -> None:
        """What retraining.json says was made."""
        made = [f"reports/images/{name}.png" for name in names]
        (self.folder / "report" / "retraining.json").write_text(json.dumps({"pictures": made}))

    def record(self, lock: str, **others: str) -> str:
        """What a retraining on main hands over: a bundle with a commit of dvc.lock."""
        git(self.folder, "checkout", "--quiet", "--detach", "origin/main")
        for name, text in {"dvc.lock": lock, **others}.items():
            (self.folder / name.replace("__", ".")).write_text(text)
        git(self.folder, "add", "--update")
        git(self.folder, "commit", "--quiet", "--message", f"Record a retraining\n\nPromoted: {lock} is champion.")
        return self.hand_over()

    def hand_over(self) -> str:
        """Put what is checked out into the bundle, and leave no other trace of it."""
        git(self.folder, "bundle", "create", "--quiet", "proposal.bundle", "origin/main..HEAD")
        commit = git(self.folder, "rev-parse", "HEAD")
        git(self.folder, "checkout", "--quiet", "--force", "main")
        git(self.folder, "gc", "--quiet", "--prune=now")
        return commit

    def protect_main(self) -> None:
        hook = self.home / "hooks" / "pre-receive"
        hook.write_text(
            "#!/bin/sh\nwhile read old new ref; do test $ref != refs/heads/main || "
            '{ echo "protected branch hook declined" >&2; exit 1; }; done\n'
            f"env | grep ^GIT_PUSH_OPTION_ | LC_ALL=C sort > {self.home}/options; true\n"
        )
        hook.chmod(0o755)

    def branch(self, name: str) -> str:
        return git(self.home, "for-each-ref", "--format=%(objectname)", name)

    def publish(self, forge: str, *arguments: str, expect: int = 0, **changed: str | None) -> str:
        """Run the script as a job of a forge does; what it printed, errors included."""
        variables: dict[str, str | None] = {
            "GitHub": {
                "GITHUB_API_URL": self.forge.address,
                "GITHUB_SERVER_URL": "https://github.example",
                "GITHUB_REPOSITORY": "owner/name",
                "PULL_REQUEST": "12",
            },
            "GitLab": {
                "GITLAB_CI": "true",
                "CI_API_V4_URL": self.forge.address,
                "CI_PROJECT_ID": "1",
                "CI_PROJECT_URL": str(self.home).removesuffix(".git"),
                "CI_MERGE_REQUEST_IID": "12",
            },
        }[forge]
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "GITLAB_", "CI"))}
        variables = ours | variables | {"TOKEN": TOKEN, "REPORT": "https://the/report"} | changed
        done = subprocess.run(
            [sys.executable, str(ROOT / ".ci" / "publish.py"), *arguments],
            cwd=self.folder,
            env={key: value for key, value in variables.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == expect, done.stdout
        assert "Traceback" not in done.stdout
        assert TOKEN not in done.stdout
        return done.stdout


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@localhost"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def job(tmp_path: Path, forge: Forge) -> Job:
    """A job with a report to publish."""
    return Job(tmp_path, forge)


@pytest.mark.parametrize("name", FORGES)
def test_there_is_one_comment_and_it_is_brought_up_to_date(name, job, forge):
    for _ in range(150):  # more than a page
        forge.say("I like it.")
    assert "a comment is written" in job.publish(name, "comment", "report")
    forge.say("So do I.")
    job.summarize("### Promoted")
    assert "brought up to date" in job.publish(name, "comment", "report")
    ours = [comment["body"] for comment in forge.comments if comment["body"].startswith(MARKER)]
    assert len(ours) == 1
    assert "### Promoted" in ours[0]
    assert "### Not better" not in ours[0]
    assert "[The whole report](https://the/report)" in ours[0]
    assert len(forge.comments) == 152


@pytest.mark.parametrize("name", FORGES)
def test_a_comment_that_somebody_else_wrote_stays(name, job, forge):
    forge.say(f"{MARKER}\n\nPromoted, says a stranger.")
    job.publish(name, "comment", "report")
    assert forge.comments[0]["body"].endswith("says a stranger.")
    assert "### Not better" in forge.comments[1]["body"]


def test_three_pictures_are_pushed_beside_the_branches_of_github_and_replaced(job, forge):
    before = git(job.home, "for-each-ref", "refs/heads")
    for turn in ("first", "second"):
        (job.folder / "report" / "images" / "best.png").write_text(turn)
        job.publish("GitHub", "comment", "report")
        body = forge.comments[0]["body"]
        places = re.findall(r"!\[(\w+)\]\(https://github.example/owner/name/blob/(\w{40})/(\w+\.png)\?raw=true\)", body)
        assert [picture for picture, _, _ in places] == list(PICTURES)
        commit = job.branch("refs/retraining/12")
        assert {commit} == {where for _, where, _ in places}
        assert git(job.home, "show", f"{commit}:best.png") == turn
        assert git(job.home, "ls-tree", "--name-only", commit).split() == [f"{name}.png" for name in PICTURES]
        assert git(job.home, "rev-list", "--count", commit) == "1"
    assert git(job.home, "for-each-ref", "refs/heads") == before


def test_three_pictures_are_uploaded_to_gitlab(job, forge):
    job.publish("GitLab", "comment", "report")
    assert forge.uploads == [f"{name} as PNG".encode() for name in PICTURES]
    assert [f"![picture](/uploads/{number}.png)" in forge.comments[0]["body"] for number in (1, 2, 3)] == [True] * 3


def test_a_report_without_pictures_is_told_too(job, forge):
    for picture in (job.folder / "report" / "images").iterdir():
        picture.unlink()
    job.publish("GitHub", "comment", "report", REPORT=None)
    assert forge.comments[0]["body"] == f"{MARKER}\n\n### Not better\n"
    assert job.branch("refs/retraining/12") == ""


@pytest.mark.parametrize("name", FORGES)
def test_pictures_that_an_earlier_retraining_left_are_not_shown(name, job, forge):
    job.name_pictures("worst")
    job.publish(name, "comment", "report")
    assert forge.comments[0]["body"].count("![") == 1
    job.name_pictures()
    job.publish(name, "comment", "report")
    assert "![" not in forge.comments[0]["body"]


@pytest.mark.parametrize("name", FORGES)
def test_a_link_in_the_place_of_a_picture_is_not_followed(name, job, forge):
    (job.folder / "report" / "images" / "best.png").unlink()
    (job.folder / "report" / "images" / "best.png").symlink_to("/proc/self/environ")
    job.publish(name, "comment", "report")
    assert forge.comments[0]["body"].count("![") == 2
    assert not any(TOKEN.encode() in picture for picture in forge.uploads)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pictures": null}'])
def test_a_report_that_does_not_say_what_was_made_is_refused_in_a_line(text, job, forge):
    (job.folder / "report" / "retraining.json").write_text(text)
    assert "no list of pictures" in job.publish("GitHub", "comment", "report", expect=1)
    assert forge.comments == []


def test_what_is_no_summary_is_not_published(job, forge):
    (job.folder / "report" / "retraining.md").write_text("Buy now!\n")
    assert "no summary of a retraining" in job.publish("GitHub", "comment", "report", expect=1)
    assert "retraining.md" in job.publish("GitHub", "comment", "nowhere", expect=1)
    assert forge.comments == []


def test_a_long_summary_is_cut_to_what_a_comment_holds(job, forge):
    job.summarize("ä" * 100_000)
    job.publish("GitHub", "comment", "report")
    assert 50_000 < len(forge.comments[0]["body"]) < 65_536


@pytest.mark.parametrize("name", FORGES)
def test_a_forge_that_refuses_is_said_in_a_line(name, job, forge):
    forge.refuses = 403
    printed = job.publish(name, "comment", "report", expect=1)
    assert "403" in printed
    assert printed.count("\n") == 1
    assert "TOKEN is not set" in job.publish(name, "comment", "report", expect=1, TOKEN="")


@pytest.mark.parametrize("name", FORGES)
def test_dvc_lock_goes_to_main(name, job, forge):
    commit = job.record("second")
    assert "main has it" in job.publish(name, "propose", "proposal.bundle")
    assert job.branch("refs/heads/main") == commit
    assert job.branch("refs/heads/retraining") == ""
    assert forge.pulls == []


def test_dvc_lock_is_proposed_where_main_is_protected(job, forge):
    main = job.branch("refs/heads/main")
    job.protect_main()
    for lock in ("second", "third"):
        commit = job.record(lock)
        printed = job.publish("GitHub", "propose", "proposal.bundle")
        assert "protected branch hook declined" in printed
        assert "proposed: https://the/pull/1" in printed
        assert job.branch("refs/heads/retraining") == commit
    assert job.branch("refs/heads/main") == main
    assert [(pull["head"], pull["base"], pull["body"]) for pull in forge.pulls] == [
        ("retraining", "main", "Promoted: third is champion.")
    ]


@pytest.mark.parametrize("name", FORGES)
def test_settings_are_proposed_on_a_branch_of_their_own_that_no_later_retraining_overwrites(name, job, forge):
    job.protect_main()
    lock = job.record("second")
    job.publish(name, "propose", "proposal.bundle")
    chosen = {}
    for settings in ("wider", "deeper"):
        commit = job.record(settings, params__yaml=settings)
        branch = f"retraining-settings-{commit[:9]}"
        # twice, as when the job is run again
        printed = [job.publish(name, "propose", "proposal.bundle") for _ in range(2)]
        assert printed[0] == printed[1]
        chosen[branch] = commit
    newer = job.record("third")
    job.publish(name, "propose", "proposal.bundle")
    assert newer != lock
    assert {branch: job.branch(f"refs/heads/{branch}") for branch in chosen} == chosen
    assert job.branch("refs/heads/retraining") == newer
    if name == "GitHub":
        assert [pull["head"] for pull in forge.pulls] == ["retraining", *chosen]


def test_gitlab_is_asked_for_a_merge_request_with_the_push(job, forge):
    job.protect_main()
    commit = job.record("second")
    job.publish("GitLab", "propose", "proposal.bundle")
    assert job.branch("refs/heads/retraining") == commit
    options = [line.partition("=")[2] for line in (job.home / "options").read_text().splitlines()]
    assert options[:-1] == [  # the last is their number
        "merge_request.create",
        "merge_request.target=main",
        "merge_request.title=Record a retraining",
        "merge_request.description=Promoted: second is champion.",
    ]


def test_dvc_lock_is_proposed_when_main_has_gone_on(job, forge):
    commit = job.record("second")
    (job.folder / "README.md").write_text("somebody was faster")
    newer = job.commit("Faster")
    git(job.folder, "push", "--quiet", "origin", "HEAD:main")
    job.publish("GitHub", "propose", "proposal.bundle")
    assert job.branch("refs/heads/main") == newer
    assert job.branch("refs/heads/retraining") == commit
    assert len(forge.pulls) == 1


def test_what_changes_more_than_records_is_not_pushed(job, forge):
    main = job.branch("refs/heads/main")
    job.record("second", README__md="and a door at the back")
    printed = job.publish("GitHub", "propose", "proposal.bundle", expect=1)
    assert "changes 'README.md'; a retraining records dvc.lock and params.yaml only" in printed
    assert job.branch("refs/heads/main") == main
    assert job.branch("refs/heads/retraining") == ""


def renamed(job: Job) -> None:
    git(job.folder, "mv", "README.md", "dvc.lock")


def deleted(job: Job) -> None:
    (job.folder / "params.yaml").unlink()


def linked(job: Job) -> None:
    (job.folder / "dvc.lock").symlink_to("/etc/passwd")


def executable(job: Job) -> None:
    (job.folder / "dvc.lock").touch(0o755)


def named_alike(job: Job) -> None:
    (job.folder / "params.yaml ").write_text("a space at the end")


def named_strangely(job: Job) -> None:
    Path(os.fsdecode(bytes(job.folder) + b"/dvc.lock\n::error::\xff")).write_text("a line for the forge, no UTF-8")


@pytest.mark.parametrize(
    ("trick", "said"),
    [
        (renamed, "changes 'README.md'; "),
        (deleted, "params.yaml has mode 000000"),
        (linked, "dvc.lock has mode 120000"),
        (executable, "dvc.lock has mode 100755"),
        (named_alike, "changes 'params.yaml '; "),
        (named_strangely, r"changes 'dvc.lock\n::error::\ufffd'; "),
    ],
)
def test_a_commit_that_only_looks_like_a_record_is_not_pushed(trick, said, job, forge):
    # the first retraining: main has no dvc.lock yet
    (job.folder / "README.md").write_text("long enough to be known again\n" * 9)
    (job.folder / "dvc.lock").unlink()
    job.commit("Begin again")
    git(job.folder, "push", "--quiet", "origin", "HEAD:main")
    main = job.branch("refs/heads/main")
    git(job.folder, "checkout", "--quiet", "--detach", "origin/main")
    trick(job)
    job.commit("Record a retraining")
    job.hand_over()
    assert said in job.publish("GitHub", "propose", "proposal.bundle", expect=1)
    assert job.branch("refs/heads/main") == main
    assert job.branch("refs/heads/retraining") == ""


def test_a_second_commit_is_not_pushed_with_that_of_the_retraining(job, forge):
    main = job.branch("refs/heads/main")
    git(job.folder, "checkout", "--quiet", "--detach", "origin/main")
    for turn, text in enumerate(("hidden in the history", "first")):
        (job.folder / "README.md").write_text(text)
        (job.folder / "dvc.lock").write_text(f"turn {turn}")
        git(job.folder, "commit", "--quiet", "--all", "--message", "Record a retraining")
    job.hand_over()
    printed = job.publish("GitHub", "propose", "proposal.bundle", expect=1)
    assert "brings 2 commits; a retraining makes one" in printed
    assert job.branch("refs/heads/main") == main


def test_what_main_has_already_is_not_proposed_again(job, forge):
    commit = job.record("second")
    job.publish("GitHub", "propose", "proposal.bundle")
    (job.folder / "README.md").write_text("main goes on")
    git(job.folder, "checkout", "--quiet", "main")
    git(job.folder, "pull", "--quiet", "--ff-only", "origin", "main")
    job.commit("Go on")
    git(job.folder, "push", "--quiet", "origin", "HEAD:main")
    git(job.folder, "fetch", "--quiet")
    assert "main has it" in job.publish("GitHub", "propose", "proposal.bundle")
    assert git(job.home, "merge-base", "main", commit) == commit
    assert forge.pulls == []


def test_the_token_is_left_nowhere(job, forge, tmp_path):
    job.protect_main()
    job.record("second")
    job.publish("GitHub", "comment", "report")
    job.publish("GitHub", "propose", "proposal.bundle")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 20
    assert [file for file in files if TOKEN.encode() in file.read_bytes()] == []


def test_a_wrong_call_explains_itself(job):
    assert "publish.py comment REPORT" in job.publish("GitHub", "boast", expect=2)
