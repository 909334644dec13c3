"""The workflows: their linters, what starts them, what they may do, and what their few lines of shell do."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from pathspec import PathSpec
from ruamel.yaml import YAML

from tests.example_settings import ROOT

BIN = Path(sys.executable).parent
GITHUB = {file.stem: YAML(typ="safe").load(file) for file in (ROOT / ".github" / "workflows").glob("*.yml")}
ACTION = YAML(typ="safe").load(ROOT / ".github" / "actions" / "set-up" / "action.yml")
GITLAB = YAML(typ="safe").load(ROOT / ".gitlab-ci.yml")
JOBS = {(name, job): content for name, flow in GITHUB.items() for job, content in flow["jobs"].items()}

FILTERS = {
    "GitHub, push": GITHUB["retrain"]["on"]["push"]["paths"],
    "GitHub, pull request": GITHUB["retrain"]["on"]["pull_request"]["paths"],
    "GitLab, push": next(rule["changes"] for rule in GITLAB["retrain"]["rules"] if "changes" in rule),
    "GitLab, merge request": GITLAB["report"]["rules"][0]["changes"],
    "GitLab, comment": GITLAB["comment"]["rules"][0]["changes"],
}

# what decides results besides the deps: the graph, the settings, the libraries
BESIDE_THE_DEPS = {"dvc.yaml", "params.yaml", "pyproject.toml", "requirements/lock.txt"}

# Not dvc.lock, which a retraining itself proposes; not the packages that only some machines and the benchmarks install.
SILENT = (
    ".ci/",
    ".dvc/",
    ".dvcignore",
    ".github/",
    ".gitignore",
    ".gitlab-ci.yml",
    ".gitlab/",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "NOTICE",
    "README.md",
    "SECURITY.md",
    "benchmarks/",
    "data/README.md",
    "deploy/",
    "docs/",
    "dvc.lock",
    "recipes.yaml",
    "requirements/bench.txt",
    "requirements/denoise.txt",
    "requirements/export.txt",
    "requirements/docs.txt",
    "requirements/gpu.txt",
    "requirements/mutants.txt",
    "requirements/s3.txt",
    "requirements/server.txt",
    "tests/",
)


def tracked(path: str = ".") -> list[str]:
    """Files that git knows, or would with `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", path]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if (ROOT / name).is_file()]


def dependencies() -> Iterator[str]:
    """What the stages of dvc.yaml depend on and do not make, in this repository."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    pictures = YAML(typ="safe").load(ROOT / "params.yaml")["download"]["path"]
    outs = [next(iter(out)) if isinstance(out, dict) else out for stage in stages for out in stage.get("outs", [])]
    outs += [metric for stage in stages for metric in stage.get("metrics", [])]
    for dep in {dep.replace("${download.path}", pictures) for stage in stages for dep in stage["deps"]}:
        # somebody's pictures may lie elsewhere: no commit brings those
        elsewhere = dep == pictures and (Path(dep).is_absolute() or not tracked(dep))
        if not elsewhere and not any(dep == out or dep.startswith(f"{out}/") for out in outs):
            yield dep


def fits(filters: list[str], file: str) -> bool:
    """Whether GitHub and GitLab start something for a change of a file.

    Their patterns hold from the root, as git's do with a leading slash. A folder's name alone would fit its files for
    git and not for them; `test_a_path_filter_is_a_file_or_all_of_a_folder` refuses those.
    """
    return PathSpec.from_lines("gitignore", [f"/{pattern}" for pattern in filters]).match_file(file)


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_all_that_the_graph_depends_on_starts_a_retraining(filters):
    for dep in dependencies():
        files = tracked(dep)
        assert files, f"dvc.yaml: {dep} is no file of the repository"
        assert [file for file in files if not fits(filters, file)] == []
    assert [file for file in sorted(BESIDE_THE_DEPS) if not fits(filters, file)] == []


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_documents_tests_and_results_start_none(filters):
    silent = [file for file in [*tracked(), "dvc.lock"] if file.startswith(SILENT)]
    assert len(silent) > 50
    assert [file for file in silent if fits(filters, file)] == []


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_each_file_of_the_repository_was_thought_of(filters):
    assert [file for file in tracked() if not fits(filters, file) and not file.startswith(SILENT)] == []


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_no_path_filter_is_idle(filters):
    needed = [file for dep in [*dependencies(), "data/import"] for file in tracked(dep)] + sorted(BESIDE_THE_DEPS)
    assert [pattern for pattern in filters if not any(fits([pattern], file) for file in needed)] == []


@pytest.mark.parametrize("name", FILTERS)
def test_a_path_filter_is_a_file_or_all_of_a_folder(name):
    everything = "/**/*" if name.startswith("GitLab") else "/**"
    for pattern in FILTERS[name]:
        folder = pattern.removesuffix(everything)
        assert (ROOT / pattern).is_file() or (folder != pattern and (ROOT / folder).is_dir()), pattern
        assert not set("*?[]!+") & set(folder), pattern


def test_github_and_gitlab_start_for_the_same():
    assert len({tuple(pattern.removesuffix("/*") for pattern in filters) for filters in FILTERS.values()}) == 1


CHECKS = [
    line.strip().removeprefix("@").split()
    for line in (ROOT / "Makefile").read_text().splitlines()
    if line.startswith(("\t@zizmor", "\t@check-jsonschema"))
]


def check(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(BIN / command[0])]
    for word in command[1:]:
        words += [str(file.relative_to(folder)) for file in sorted(folder.glob(word))] if "*" in word else [word]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_make_lint_looks_at_every_file_for_a_forge():
    looked_at = {word for command in CHECKS if command[0] == "check-jsonschema" for word in command if "." in word}
    files = [*(ROOT / ".github").rglob("*.yml"), ROOT / ".gitlab-ci.yml", ROOT / "CITATION.cff"]
    names = {str(file.relative_to(ROOT)) for file in files} - {".github/zizmor.yml"}
    assert names == {str(file.relative_to(ROOT)) for word in looked_at for file in ROOT.glob(word)}


@pytest.mark.parametrize("command", CHECKS, ids=lambda command: " ".join(command[-2:]))
def test_linters_and_schemas_accept_the_workflows(command):
    done = check(command, ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        (".github/workflows/ci.yml", "@3d3c42e5aac5ba805825da76410c181273ba90b1", "@v7"),
        (".github/workflows/ci.yml", "run: .ci/run", "run: .ci/run ${{ github.head_ref }}"),
        (".github/workflows/retrain.yml", "  pull_request:", "  pull_request_target:"),
        (".github/workflows/retrain.yml", "persist-credentials: false", "persist-credentials: true"),
        (".github/workflows/retrain.yml", "timeout-minutes: 350", "timeout-hours: 6"),
        (".github/actions/set-up/action.yml", "using: composite", "using: composit"),
        (".github/dependabot.yml", "interval: monthly", "interval: now and then"),
        (".gitlab-ci.yml", "when: never", "when: nevermore"),
    ],
)
def test_linters_and_schemas_refuse_a_mistake(file, right, wrong, tmp_path):
    shutil.copytree(ROOT / ".github", tmp_path / ".github")
    shutil.copy(ROOT / ".gitlab-ci.yml", tmp_path)
    text = (tmp_path / file).read_text()
    assert right in text
    (tmp_path / file).write_text(text.replace(right, wrong, 1))
    # the last word names the files: a folder, a file or a pattern
    looking = [command for command in CHECKS if PurePath(file).match(command[-1]) or file.startswith(command[-1])]
    assert looking
    assert any(check(command, tmp_path).returncode for command in looking)


def test_actions_are_pinned_to_commits():
    used = [step["uses"] for job in [*JOBS.values(), ACTION["runs"]] for step in job["steps"] if "uses" in step]
    foreign = [action for action in used if not action.startswith("./")]
    assert foreign
    assert [action for action in foreign if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)] == []
    # one version of each, with its name beside the hash
    texts = [file.read_text() for file in (ROOT / ".github").rglob("*.yml")]
    named = {line for text in texts for line in re.findall(r"uses: (actions/.*)", text)}
    assert len(named) == len({action.split("@")[0] for action in foreign})
    assert [line for line in named if not re.search(r" # v\d+\.\d+\.\d+$", line)] == []


def test_each_python_that_the_package_allows_is_tested():
    asked = SpecifierSet(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"])
    allowed = {f"3.{minor}" for minor in range(5, 30) if f"3.{minor}" in asked}
    jobs = GITHUB["ci"]["jobs"]
    sets_up = next(step for step in jobs["test"]["steps"] if "setup-python" in step.get("uses", ""))
    whole = sets_up["with"]["python-version"]
    assert {whole, *jobs["quick"]["strategy"]["matrix"]["python"]} == allowed
    image = GITLAB["default"]["image"].removeprefix("python:").removesuffix("-bookworm")
    assert {image, *GITLAB["quick"]["parallel"]["matrix"][0]["PYTHON_VERSION"]} == allowed


HOSTED, OWN_MACHINE = "runner.environment == 'github-hosted'", "runner.environment != 'github-hosted'"


def test_the_python_that_was_set_up_is_the_one_that_is_used():
    ci = GITHUB["ci"]["jobs"]
    for steps, command in (
        (ci["test"]["steps"], ".ci/run"),
        (ci["quick"]["steps"], ".ci/run quick"),
        (ACTION["runs"]["steps"], "make setup"),
    ):
        sets_up = next(step for step in steps if "setup-python" in step.get("uses", ""))
        uses = [step for step in steps if step.get("run") == command]
        # where none was set up, the Makefile looks for one
        given = {step.get("if"): step.get("env", {}).get("PYTHON") for step in uses}
        hosted = command.startswith(".ci/run")
        assert given == ({None: "python"} if hosted else {HOSTED: "python", OWN_MACHINE: None})
        assert sets_up.get("if") == (None if hosted else HOSTED)
    setting_up = ["make", "--dry-run", "--always-make", "setup"]
    # `make test PYTHON=...` hands its own choice on in MAKEFLAGS, which would be stronger
    environment = {key: value for key, value in os.environ.items() if key != "MAKEFLAGS"} | {"PYTHON": "chosen"}
    told = subprocess.run(setting_up, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "chosen -m venv" in told.stdout, told.stderr


def test_the_cache_of_svhn_grows_with_what_the_settings_ask_for():
    kept = next(step["with"] for step in ACTION["runs"]["steps"] if "actions/cache@" in step.get("uses", ""))
    assert kept["key"] == "svhn-${{ hashFiles('params.yaml') }}"
    assert kept["restore-keys"] == "svhn-"


def test_only_the_jobs_that_publish_may_write():
    assert all(flow["permissions"] == {} for flow in GITHUB.values())
    writers = {job for (_, job), content in JOBS.items() if "write" in content["permissions"].values()}
    assert writers == {"comment", "propose"}
    for writer in writers:
        # nothing of the pull request runs beside a token that may write
        ran = [step.get("run", "") for step in GITHUB["retrain"]["jobs"][writer]["steps"]]
        assert [line for line in ran if line and not line.startswith("python3 -I .ci/publish.py")] == []
    assert "base.sha" in GITHUB["retrain"]["jobs"]["comment"]["steps"][0]["with"]["ref"]


def test_nothing_of_a_fork_meets_a_secret_or_a_machine_of_ones_own():
    assert not any("pull_request_target" in flow["on"] or "workflow_run" in flow["on"] for flow in GITHUB.values())
    for (_, name), job in JOBS.items():
        if "secrets." in str(job):
            assert job["environment"]["name"].startswith("retraining"), name
        if '"gpu"' in str(job["runs-on"]):
            # it keeps its checkout, where whoever was there before may have left a hook or a package
            assert job["if"].startswith("github.ref == 'refs/heads/main'"), name
    # inputs, which a pull request does not have, and no variable, which it shares
    report = JOBS["retrain", "report"]
    assert "inputs.runner == 'gpu'" in report["runs-on"]
    assert "vars." not in report["runs-on"]
    assert '["self-hosted", "gpu-report"]' in report["runs-on"]
    (checks_out,) = [step for step in report["steps"] if "checkout@" in step.get("uses", "")]
    assert checks_out["with"].get("clean", True) is True


def test_what_a_job_hands_over_is_unpacked_apart_from_the_script_that_is_run():
    for job in ("comment", "propose"):
        steps = GITHUB["retrain"]["jobs"][job]["steps"]
        (fetches,) = [step for step in steps if "download-artifact@" in step.get("uses", "")]
        assert fetches["with"]["path"].startswith("${{ runner.temp }}/")
        assert re.fullmatch(r'python3 -I \.ci/publish\.py \w+ "\$RUNNER_TEMP/[\w./]+"', steps[-1]["run"])


@pytest.mark.parametrize("job", ["comment", "propose"])
def test_gitlab_runs_the_default_branchs_script_beside_the_token(job, checkout):
    script = "import sys\nprint(*sys.argv, *__import__('os').listdir('.'))\n"
    (checkout / ".ci").mkdir()
    (checkout / ".ci" / "publish.py").write_text(script)
    shell("git add .ci && git commit --quiet -m Script && git push --quiet ../home.git HEAD:main", checkout)
    # what a merge request brings, or an artifact
    (checkout / ".ci" / "publish.py").write_text("print('theirs')")
    (checkout / ".ci" / "sys.py").write_text("print('theirs')")
    (checkout / "proposal.bundle").write_text("")
    done = gitlab(job, checkout, CI_PROJECT_DIR=str(checkout), PYTHONPATH=str(checkout / ".ci"))
    assert done.returncode == 0, done.stderr
    given = {"comment": f"{checkout}/reports", "propose": f"{checkout}/proposal.bundle"}[job]
    assert done.stdout.startswith(f".ci/publish.py {job} {given} ")
    assert "theirs" not in done.stdout
    assert "proposal.bundle" not in done.stdout.replace(given, "")


def test_jobs_end_and_exclude_each_other():
    assert all(job["timeout-minutes"] <= 350 for job in JOBS.values())
    assert all("concurrency" in job or "concurrency" in GITHUB[name] for (name, _), job in JOBS.items())
    assert all("resource_group" in GITLAB[name] for name in ("report", "comment", "retrain", "propose", "drift"))


def test_a_pull_request_never_promotes():
    assert "--report-only" in step(GITHUB["retrain"]["jobs"]["report"], "retrain")["run"]
    assert JOBS["retrain", "retrain"]["if"].startswith("github.ref == 'refs/heads/main' && ")
    assert "--report-only" in " ".join(GITLAB["report"]["script"])
    never = GITLAB["retrain"]["rules"][0]
    assert never["when"] == "never"
    assert 'CI_PIPELINE_SOURCE == "merge_request_event"' in never["if"]


def step(job: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in job["steps"] if step.get("id") == name)


def uploads(job: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]


def test_a_job_that_is_run_again_can_attach_what_it_made():
    # the names are the run's, not the attempt's, and are refused a second time
    given = [upload["with"] for job in JOBS.values() for upload in uploads(job)]
    assert len(given) == 4
    assert [upload["name"] for upload in given if upload.get("overwrite") is not True] == []


def test_dvc_lock_is_handed_over_whatever_becomes_of_the_report():
    steps = GITHUB["retrain"]["jobs"]["retrain"]["steps"]
    order = [step.get("id", step["name"]) for step in steps]
    assert order.index("retrain") + 1 == order.index("proposal") < order.index("Attach the report")
    # not what an earlier run left, where this one failed before it retrained
    assert step({"steps": steps}, "proposal")["if"] == "${{ !cancelled() && steps.retrain.outputs.code != '' }}"
    assert GITHUB["retrain"]["jobs"]["propose"]["if"].startswith("${{ !cancelled() && ")


def holds(condition: str, variables: dict[str, str]) -> bool:
    """Whether a condition of GitLab's rules holds: comparisons of variables with strings and null, `&&` and `||`."""
    python = {"&&": "and", "||": "or", "null": "None"}
    words = re.findall(r'[()]|"[^"]*"|[^\s()"]+', condition)
    words = [f"given.get({word[1:]!r})" if word.startswith("$") else python.get(word, word) for word in words]
    return bool(eval(" ".join(words), {"given": variables}))


def started(source: str, **variables: str) -> dict[str, str]:
    """The jobs of a pipeline of GitLab that touches every path, each with its settings.

    Args:
        source: what starts it.
        variables: what the project, the forge or whoever starts it sets.
    """
    given = {"CI_PIPELINE_SOURCE": source, "CI_DEFAULT_BRANCH": "main"} | variables
    if not any(holds(rule["if"], given) for rule in GITLAB["workflow"]["rules"]):
        return {}
    jobs = {}
    for name, job in GITLAB.items():
        rules = job["rules"] if "script" in job else []
        rule = next((rule for rule in rules if holds(rule["if"], given)), {"when": "never"})
        if rule.get("when") != "never":
            # a job's variables go before the file's, and a pipeline's before both
            set_here = {"SETTINGS": GITLAB["variables"]["SETTINGS"]["value"]} | rule.get("variables", {})
            jobs[name] = (set_here | variables)["SETTINGS"]
    return jobs


MAIN = {"CI_COMMIT_BRANCH": "main", "MLFLOW_TRACKING_URI": "https://mlflow.example"}
OWN = {
    "MLFLOW_TRACKING_URI": "https://mlflow.example",
    "CI_MERGE_REQUEST_PROJECT_ID": "1",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
}


@pytest.mark.parametrize(
    ("source", "variables", "jobs", "settings"),
    [
        ("push", MAIN, {"test", "quick", "retrain", "propose"}, {""}),
        ("schedule", MAIN | {"JOB": "retrain"}, {"retrain", "propose"}, {""}),
        ("schedule", MAIN | {"JOB": "drift", "DRIFT_PICTURES": "/srv/a"}, {"drift"}, set()),
        ("trigger", MAIN, {"retrain", "propose"}, {""}),
        ("trigger", MAIN | {"SETTINGS": "train.width=48"}, {"retrain", "propose"}, {"train.width=48"}),
        ("web", MAIN, {"retrain", "propose"}, {"train.epochs=4"}),
        ("web", MAIN | {"SETTINGS": ""}, {"retrain", "propose"}, {""}),
        ("web", {"CI_COMMIT_BRANCH": "main"}, {"report"}, {"train.epochs=4"}),
        ("web", MAIN | {"CI_COMMIT_BRANCH": "wider"}, {"report"}, {"train.epochs=4"}),
        ("web", {"CI_COMMIT_TAG": "v1", "MLFLOW_TRACKING_URI": "https://mlflow.example"}, set(), set()),
        ("push", MAIN | {"CI_COMMIT_BRANCH": "wider"}, set(), set()),
        ("trigger", MAIN | {"CI_COMMIT_BRANCH": "wider"}, set(), set()),
        ("merge_request_event", OWN, {"test", "quick", "report", "comment"}, {""}),
        ("merge_request_event", OWN | {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}, {"test", "quick", "report"}, {""}),
    ],
)
def test_what_starts_gitlab_decides_over_jobs_and_settings(source, variables, jobs, settings):
    found = started(source, **variables)
    assert found.keys() == jobs
    assert {found[job] for job in found if job in {"report", "retrain"}} == settings


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone whose `svhn-denoiser` notes what it is called with, and ends as `code` says; with 0, it commits."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    program = folder / ".venv" / "bin" / "svhn-denoiser"
    program.write_text(
        '#!/bin/bash\nprintf "%s\\n" "$@" > called\necho said\ncode=$(cat code)\n'
        '[[ $code == 0 ]] && git commit --quiet --allow-empty --message "Record a retraining"\nexit "$code"\n'
    )
    program.chmod(0o755)
    for other in ("dvc", "make"):
        (folder / ".venv" / "bin" / other).symlink_to("/bin/true")
    (folder / ".venv" / "bin" / "activate").write_text(f"PATH={folder}/.venv/bin:$PATH\n")
    (folder / "reports").mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=Test", "-c", "user.email=test@localhost"]
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "First"], check=True)
    subprocess.run([*git, "update-ref", "refs/remotes/origin/main", "HEAD"], check=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", str(folder), str(tmp_path / "home.git")], check=True)
    return folder


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lines as GitHub and GitLab do: bash, ending at the first command that fails, in a pipe too."""
    who = {f"GIT_{role}_{part}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    environment = os.environ | who | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def gitlab(job: str, checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a job of GitLab, its preparation included."""
    before = GITLAB[job].get("before_script", GITLAB[GITLAB[job]["extends"]]["before_script"])
    # GitLab flattens lists in lists
    lines = [line for part in [*before, *GITLAB[job]["script"]] for line in ([part] if isinstance(part, str) else part)]
    path = f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}"
    project = {"CI_REPOSITORY_URL": str(checkout.parent / "home.git"), "CI_DEFAULT_BRANCH": "main", "RUNNER": ""}
    given = {"PATH": path} | project | variables
    return shell("\n".join(lines), checkout, **given)


def commit_of(checkout: Path, name: str) -> str:
    return shell(f"git rev-parse {name}", checkout).stdout.strip()


SETTINGS = [
    ("", []),
    ("train.epochs=4", ["--set=train.epochs=4"]),
    (
        "train.epochs=60  train.width=16,32 generate.noise.strength=[0.01,0.3] x=$(touch${IFS}pwned) *",
        [
            "--set=train.epochs=60",
            "--set=train.width=16,32",
            "--set=generate.noise.strength=[0.01,0.3]",
            "--set=x=$(touch${IFS}pwned)",
            "--set=*",
        ],
    ),
]


@pytest.mark.parametrize(("settings", "options"), SETTINGS)
@pytest.mark.parametrize(("job", "always"), [("report", ["--report-only"]), ("retrain", ["--commit", "--base=HEAD"])])
def test_settings_reach_retrain_as_they_were_written(job, always, settings, options, checkout):
    (checkout / "code").write_text("4")
    script = step(GITHUB["retrain"]["jobs"][job], "retrain")["run"]
    done = shell(script, checkout, SETTINGS=settings, GITHUB_OUTPUT=str(checkout / "output"))
    assert done.returncode == 0, done.stderr
    assert (checkout / "called").read_text().splitlines() == ["retrain", *always, *options]
    assert not (checkout / "pwned").exists()


LEFT = ("retraining.md", "retraining.json", "report.html", "metrics.json", "images/best.png", "drift.html")
KEPT = ("registration.json", "run.json")


def leave_reports(checkout: Path) -> None:
    """As an earlier run does where the checkout is kept."""
    (checkout / "reports" / "images").mkdir()
    for name in (*LEFT, *KEPT):
        (checkout / "reports" / name).write_text("of an earlier run")
    (checkout / "proposal.bundle").write_text("of an earlier run")


def left(checkout: Path) -> set[str]:
    files = [file for folder in ("reports", "reports/images") for file in (checkout / folder).glob("*.*")]
    return {str(file.relative_to(checkout)) for file in [*files, *checkout.glob("proposal.bundle")]}


@pytest.mark.parametrize("code", [1, 4])
@pytest.mark.parametrize("job", ["report", "retrain"])
@pytest.mark.parametrize("forge", ["GitHub", "GitLab"])
def test_a_run_that_makes_nothing_attaches_nothing_of_an_earlier_one(forge, job, code, checkout):
    (checkout / "code").write_text(str(code))
    leave_reports(checkout)
    if forge == "GitHub":
        script = step(GITHUB["retrain"]["jobs"][job], "retrain")["run"]
        shell(script, checkout, SETTINGS="", GITHUB_OUTPUT=str(checkout / "output"))
    else:
        gitlab(job, checkout, SETTINGS="", MLFLOW_TRACKING_URI="")
    assert (checkout / "called").exists()
    # what the job attaches, whose list is the same on both
    attached = PathSpec.from_lines("gitignore", GITLAB[".retrain"]["artifacts"]["paths"])
    assert [file for file in left(checkout) if attached.match_file(file)] == []
    assert {f"reports/{name}" for name in KEPT} <= left(checkout)


@pytest.mark.parametrize("job", ["comment", "propose"])
def test_gitlab_publishes_nothing_that_another_pipeline_left(job, checkout):
    assert GITLAB[job]["extends"] == ".publish"
    leave_reports(checkout)
    assert (checkout / ".git").exists()
    hook = "\n".join(GITLAB[".publish"]["hooks"]["pre_get_sources_script"])
    assert shell(hook, checkout.parent, CI_PROJECT_DIR=str(checkout)).returncode == 0
    assert left(checkout) & {"reports/retraining.md", "reports/retraining.json", "proposal.bundle"} == set()
    assert not (checkout / "reports" / "images").exists()
    assert not (checkout / ".git").exists()


@pytest.mark.parametrize("forge", ["GitHub", "GitLab"])
def test_drift_that_fails_attaches_no_earlier_page(forge, checkout):
    (checkout / "code").write_text("1")
    leave_reports(checkout)
    if forge == "GitHub":
        shell(step(GITHUB["drift"]["jobs"]["drift"], "compare")["run"], checkout, GITHUB_STEP_SUMMARY="/dev/null")
        attach = uploads(GITHUB["drift"]["jobs"]["drift"])[0]
        assert attach["if"] == "${{ !cancelled() && steps.compare.conclusion != 'skipped' }}"
    else:
        gitlab("drift", checkout, DRIFT_PICTURES="/srv/a")
    assert (checkout / "called").exists()
    assert not (checkout / "reports" / "drift.html").exists()


@pytest.mark.parametrize(
    ("code", "red"), [(0, False), (1, True), (2, True), (3, False), (4, False), (5, False), (143, True)]
)
@pytest.mark.parametrize("job", ["report", "retrain"])
def test_not_better_nothing_to_do_and_waiting_leave_the_job_green(job, code, red, checkout):
    (checkout / "code").write_text(str(code))
    steps = GITHUB["retrain"]["jobs"][job]["steps"]
    shell(step({"steps": steps}, "retrain")["run"], checkout, SETTINGS="", GITHUB_OUTPUT=str(checkout / "output"))
    outputs = dict(line.split("=") for line in (checkout / "output").read_text().splitlines())
    assert outputs == {"code": str(code)}
    assert (shell(steps[-1]["run"], checkout, CODE=outputs["code"]).returncode != 0) == red
    # a job that was cancelled has no code
    assert shell(steps[-1]["run"], checkout, CODE="").returncode != 0


@pytest.mark.parametrize(("code", "green"), [(0, True), (1, False), (3, True), (4, True), (5, True)])
def test_gitlab_hands_on_the_exit_code(code, green, checkout):
    (checkout / "code").write_text(str(code))
    done = gitlab("retrain", checkout, SETTINGS="train.epochs=4")
    assert done.returncode == code, done.stderr
    assert (checkout / "called").read_text().splitlines() == [
        "retrain",
        "--commit",
        "--base=HEAD",
        "--set=train.epochs=4",
    ]
    assert (code in [0, *GITLAB[".retrain"]["allow_failure"]["exit_codes"]]) == green


@pytest.mark.parametrize(("settings", "options"), [*SETTINGS, ("", ["--set=train.epochs=4"])])
def test_a_report_on_gitlab_has_the_settings_and_without_a_server_the_small_profile(settings, options, checkout):
    (checkout / "code").write_text("4")
    server = "" if not settings and options else "https://mlflow.example"
    assert gitlab("report", checkout, SETTINGS=settings, MLFLOW_TRACKING_URI=server).returncode == 4
    assert (checkout / "called").read_text().splitlines() == ["retrain", "--report-only", *options]
    assert not (checkout / "pwned").exists()


def test_a_retraining_on_gitlab_is_of_what_main_has_when_its_turn_comes(checkout):
    (checkout / "code").write_text("0")
    began = commit_of(checkout, "HEAD")
    shell("git commit --quiet --allow-empty --message Newer && git push --quiet ../home.git HEAD:main", checkout)
    newer = commit_of(checkout, "HEAD")
    shell(f"git checkout --quiet {began}", checkout)
    (checkout / "dvc.lock").write_text("of a retraining that was stopped")
    assert gitlab("retrain", checkout, SETTINGS="").returncode == 0
    # what it commits comes after main's newest commit, alone
    assert commit_of(checkout, "HEAD^") == newer
    assert shell("git bundle verify proposal.bundle", checkout).stderr.splitlines()[-1].endswith("is okay")
    assert commit_of(checkout, "origin/main") == newer != began


@pytest.mark.parametrize("code", [0, 4])
@pytest.mark.parametrize("forge", ["GitHub", "GitLab"])
def test_a_commit_of_the_retraining_is_handed_over(forge, code, checkout):
    (checkout / "code").write_text(str(code))
    if forge == "GitHub":
        script = step(GITHUB["retrain"]["jobs"]["retrain"], "retrain")["run"]
        shell(script, checkout, SETTINGS="", GITHUB_OUTPUT=str(checkout / "output"))
    else:
        gitlab("retrain", checkout, SETTINGS="")
    assert (checkout / "proposal.bundle").exists() == (code == 0)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_drift_turns_its_job_red(code, checkout):
    (checkout / "code").write_text(str(code))
    script = next(step["run"] for step in GITHUB["drift"]["jobs"]["drift"]["steps"] if "run" in step)
    assert GITHUB["drift"]["defaults"]["run"]["shell"] == "bash"
    done = shell(script, checkout, PICTURES="/srv/a /srv/b", GITHUB_STEP_SUMMARY=str(checkout / "summary"))
    assert done.returncode == code
    expected = ["drift", "--page", "reports/drift.html", "/srv/a", "/srv/b"]
    assert (checkout / "called").read_text().splitlines() == expected
    assert (checkout / "summary").read_text() == "```\nsaid\n"
