"""The checkout that is retrained: its commits, and the lock that keeps other retrainings out."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.git import ForeignRepositoryError, git
from svhn_denoiser.locks import waiting

# DVC's folder for what belongs to one checkout and to no commit
STATE = Path(".dvc/tmp/retraining")

# there from the beginning of a commit until it has succeeded
COMMITTING = STATE / "committing"


def root() -> Path:
    """The folder of dvc.yaml, from anywhere in the repository.

    Raises:
        DenoiserError: this is no git repository with DVC.
    """
    try:
        top = Path(git("rev-parse", "--show-toplevel"))
    except ForeignRepositoryError:
        raise  # git says what to do
    except DenoiserError as error:
        raise DenoiserError(f"{Path.cwd()}: is in no git repository. Run this in a clone. ({error})") from None
    if not (top / ".dvc").is_dir() or not (top / "dvc.yaml").is_file():
        raise DenoiserError(f"{top}: has no .dvc and dvc.yaml. Run this in a clone of this project.")
    return top


def head() -> str:
    """The commit that is checked out.

    Raises:
        DenoiserError: there is none yet.
    """
    commit = _commit("HEAD")
    if commit is None:
        raise DenoiserError(f"{Path.cwd()}: there is no commit yet. Commit what is to be retrained.")
    return commit


def base(wanted: str | None) -> str | None:
    """The commit to compare with: the one that is asked for, else origin/main, else the one before HEAD.

    After a push HEAD is origin/main itself: its dvc.lock records what there was before. None in a repository of one
    commit and in a clone that holds only one.

    Raises:
        DenoiserError: there is no such commit.
    """
    if wanted is not None:
        found = _commit(wanted)
        if found is None:
            raise DenoiserError(
                f"--base {wanted}: there is no such commit in this clone. In CI, fetch the whole history."
            )
        return found
    return _commit("origin/main") or _commit("HEAD^")


def show(commit: str, path: str) -> str | None:
    """A file of a commit; None where the commit does not have it."""
    try:
        return git("show", f"{commit}:{path}", strip=False)
    except DenoiserError:
        return None


def changed_files() -> tuple[list[str], list[str]]:
    """Tracked files that differ from HEAD, and those that git neither tracks nor ignores; a new folder is one entry."""
    lines = git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal", strip=False).split("\0")
    changed = [line[3:] for line in lines if line and not line.startswith("??")]
    return changed, [line[3:] for line in lines if line.startswith("??")]


def differs(commit: str, path: str) -> bool:
    """Whether a file of the working folder, tracked or not, differs from that of a commit."""
    here = Path(path)
    return (here.read_bytes().decode("utf-8", "surrogateescape") if here.is_file() else None) != show(commit, path)


def commit_files(files: Iterable[str], message: str) -> str:
    """Commit some files on the present branch, and nothing else.

    Returns:
        The new commit.

    Raises:
        DenoiserError: git refuses, as without a key to sign with; the index is as it was.
    """
    names = [name for name in files if Path(name).exists()]
    # files that git knows are committed without being staged: a commit that fails leaves nothing in the index
    new = [name for name in names if not git("ls-files", "--", name)]
    who: list[str] = []
    try:
        for one in ("AUTHOR", "COMMITTER"):
            git("var", f"GIT_{one}_IDENT")
    except DenoiserError:
        # a CI machine on which nobody has said who works there
        who = ["-c", "user.name=svhn-denoiser retrain", "-c", "user.email=svhn-denoiser@localhost"]
    # no hooks: they are there for what people write, and need what a machine may not have
    COMMITTING.parent.mkdir(parents=True, exist_ok=True)
    COMMITTING.touch()
    try:
        if new:
            git("add", "--intent-to-add", "--", *new)
        git(*who, "commit", "--quiet", "--no-verify", "--message", message, "--", *names)
    except BaseException:
        if new:
            with suppress(DenoiserError):
                git("rm", "--cached", "--force", "--quiet", "--ignore-unmatch", "--", *new)
        raise
    COMMITTING.unlink(missing_ok=True)
    return head()


@contextmanager
def alone(say: Callable[[str], None]) -> Iterator[None]:
    """Keep other retrainings out of this checkout; where there is one, say so and wait for it."""
    with waiting(STATE / "lock", lambda: say("another retraining is running in this checkout: waiting for it")):
        yield


def _commit(name: str) -> str | None:
    try:
        return git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    except DenoiserError:
        return None
