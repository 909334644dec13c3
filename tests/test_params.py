"""Settings: what is refused, how it is said, and how fast."""

import re
import subprocess
import sys

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from svhn_denoiser import params
from svhn_denoiser.dotted import flat
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params_rules import broken_rules
from tests.example_settings import EXAMPLE, ROOT

TEXT = EXAMPLE.read_text(encoding="utf-8")

# what is changed in params.yaml, by what, and what the message has to name
BAD = {
    "a word for a number": ("epochs: 30", "epochs: ten", ["train.epochs = 'ten'", "integer"]),
    "a number in quotes": ("batch_size: 32", "batch_size: '32'", ["train.batch_size = '32'", "integer"]),
    "a fraction for a count": ("epochs: 30", "epochs: 2.5", ["train.epochs = 2.5", "integer"]),
    "a switch for a number": ("seed: 2021", "seed: true", ["seed = true", "integer"]),
    "a number for a switch": ("flips: true", "flips: 1", ["train.flips = 1", "boolean"]),
    "zero epochs": ("epochs: 30", "epochs: 0", ["train.epochs = 0", "greater than or equal to 1"]),
    "a negative rate": ("learning_rate: 0.002", "learning_rate: -1", ["train.learning_rate = -1", "greater than 0"]),
    "not a number": ("learning_rate: 0.002", "learning_rate: .nan", ["train.learning_rate = nan", "finite"]),
    "a share of one": ("test_fraction: 0.2", "test_fraction: 1.0", ["download.images.test_fraction = 1.0", "less"]),
    "all for validation": ("validation_fraction: 0.1", "validation_fraction: 0.9", ["generate.validation_fraction"]),
    "unknown scenes": (
        "scenes: house-numbers",
        "scenes: cats",
        ["download.synthetic.scenes = 'cats'", "house-numbers", "everything"],
    ),
    "an unknown source": ("source: svhn", "source: mnist", ["download.source = 'mnist'", "synthetic"]),
    "an unknown noise": ("kind: gaussian", "kind: gausian", ["generate.noise.kind = 'gausian'", "'gaussian'"]),
    "an unknown network": ("residual-unet\n", "resnet\n", ["train.network = 'resnet'", "dncnn"]),
    "a misspelt key": (
        "  epochs: 30",
        "  epoch: 30",
        ["train.epoch", "did you mean epochs?", "train.epochs: is missing"],
    ),
    "a missing key": ("  flips: true\n", "", ["train.flips: is missing"]),
    "a section that is no section": ("  gate:\n", "  gate: 3\n  x:\n", ["register.gate = 3", "section"]),
    "a range that falls": ("strength: 0.1", "strength: [0.3, 0.1]", ["generate.noise.strength = [0.3, 0.1]", "rise"]),
    "a range of three": ("strength: 0.1", "strength: [0.1, 0.2, 0.3]", ["generate.noise.strength", "of two"]),
    "a strength of text": ("strength: 0.1", "strength: strong", ["generate.noise.strength = 'strong'", "number"]),
    "no noise levels": ("[0.02, 0.05, 0.1, 0.15, 0.2, 0.3]", "[]", ["evaluate.noise_levels = []"]),
    "a noise level twice": ("[0.02, 0.05,", "[0.02, 0.02,", ["evaluate.noise_levels", "once"]),
    "an unknown baseline": ("median, total", "mean, total", ["evaluate.baselines.1 = 'mean'", "'median'"]),
    "an address that is none": ("http://ufldl", "ufldl", ["download.svhn.mirrors", "https://"]),
    "a password in an address": (
        "http://ufldl.stanford.edu",
        "https://me:correct-horse-battery-staple-correct-horse@ufldl",
        ['download.svhn.mirrors = ["https://ufldl/housenumbers/"]', "no password", "SVHN_DENOISER_MIRROR"],
    ),
    "half precision on a CPU": (
        "precision: auto",
        "precision: mixed_float16\n  device: cpu\n  # device: ",
        ["train.precision = 'mixed_float16' with train.device = 'cpu'", "needs a GPU"],
    ),
    "extra of another source": (
        "source: svhn",
        "source: mat\n  # ",
        ["download.svhn.extra = true with download.source = 'mat'", "only the source svhn"],
    ),
    "a JPEG of no quality": (
        "kind: gaussian\n",
        "kind: jpeg\n    # ",
        ["generate.noise.strength = 1 with generate.noise.kind = 'jpeg'", "0.99"],
    ),
    "the same key twice": ("seed: 2021", "seed: 2021\nseed: 3", ["duplicate key", "line"]),
    "broken YAML": ("train:\n", "train: [\n", ["not valid YAML", "line"]),
}
# two of them need a second change to come about
ALSO = {
    "half precision on a CPU": ("  device: auto\n", ""),
    "extra of another source": ("extra: false", "extra: true"),
    "a JPEG of no quality": ("strength: 0.1", "strength: 1"),
}


def spoilt(name: str) -> str:
    text = TEXT
    for old, new in filter(None, (ALSO.get(name), BAD[name][:2])):
        assert old in text, f"{old!r} is not in params.yaml"
        text = text.replace(old, new, 1)
    return text


def refusal(text: str) -> str:
    with pytest.raises(DenoiserError) as caught:
        params.parse(text)
    return str(caught.value)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_setting_is_refused_by_name_with_its_value_and_what_is_allowed(name):
    message = refusal(spoilt(name))
    for part in BAD[name][2]:
        assert part in message
    assert message.startswith("params.yaml")


def test_all_errors_are_said_at_once():
    text = (
        TEXT.replace("epochs: 30", "epochs: 0")
        .replace("kind: gaussian", "kind: blue")
        .replace("seed: 2021", "seed: -1")
    )
    text = text.replace("extra: false", "extra: true").replace("source: svhn", "source: mat")
    message = refusal(text)
    assert "4 settings are wrong" in message
    for key in ("seed", "generate.noise.kind", "train.epochs", "download.svhn.extra"):
        assert f"  {key} = " in message


@pytest.mark.parametrize(("text", "says"), [("", "is empty"), ("- 1\n- 2\n", "holds a list"), ("\tseed: 1", "YAML")])
def test_a_file_that_is_no_tree_of_settings_is_refused(text, says):
    assert says in refusal(text)


def test_the_repositorys_own_settings_are_good():
    assert params.load(ROOT / "params.yaml")


def test_the_tests_have_the_settings_that_there_are():
    own, example = (YAML(typ="safe").load(file) for file in (ROOT / "params.yaml", EXAMPLE))
    assert list(flat(own)) == list(flat(example)), "bring tests/params.yaml up to date"


def test_an_experiments_settings_eat_no_comment(tmp_path):
    # DVC writes the file anew, with ruamel.yaml's round trip and each list over several lines
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    for overrides in (["train.epochs=4", "generate.noise.strength=[0.05,0.2]"], ["train.epochs=5"], ["seed=7"]):
        apply_overrides(path, overrides)
        comments = re.findall(r"#.*", path.read_text(encoding="utf-8"))
        assert sorted(comments) == sorted(re.findall(r"#.*", text))


def test_exponents_are_numbers():
    assert params.parse(TEXT.replace("learning_rate: 0.002", "learning_rate: 2e-3")).train.learning_rate == 0.002


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DenoiserError, match="no such file"):
        params.load(tmp_path / "params.yaml")


def test_a_file_that_is_no_text_or_no_yaml_is_refused_by_name_and_line(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(b"seed: \xff\n")
    with pytest.raises(DenoiserError, match=rf"{path}: cannot be read as UTF-8 text: "):
        params.load(path)
    path.write_text("seed: 1\ntrain: [\n")
    with pytest.raises(DenoiserError, match=rf"{path}, line 3: is not valid YAML: "):
        params.load(path)


@pytest.mark.parametrize(
    "more",
    ["x: " + "9" * 5000, "x: " + "[" * 3000 + "]" * 3000, "? [a]\n: 1", "? {a: 1}\n: 1", "1: 2"],
    ids=["a long number", "many brackets", "a list for a key", "a tree for a key", "a number for a key"],
)
def test_odd_yaml_is_refused_in_words(more):
    with pytest.raises(DenoiserError, match=r"^params\.yaml"):
        params.parse(f"{TEXT}\n{more}\n")


def test_a_value_that_aliases_make_endless_is_shown_by_its_beginning():
    # each line has nine times the entries of the one before
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    refused = refusal("\n".join([*lines, "self: &self [*self]", TEXT]))
    assert 'a0 = ["x"]: no such setting' in refused
    assert 'self = [[["..."]]]: no such setting' in refused
    assert max(map(len, refused.splitlines())) < 200


def test_one_wrong_setting_is_counted_as_one():
    assert refusal(TEXT.replace("epochs: 30", "epochs: 0")).startswith(
        "params.yaml: 1 setting is wrong\n  train.epochs"
    )


class TestRules:
    """Rules over several settings, all of them broken at once."""

    tree = params.parse(TEXT).model_dump(by_alias=True)
    tree["train"] |= {"precision": "mixed_float16", "device": "cpu"}
    tree["download"] |= {"source": "mat", "svhn": {"extra": True}}
    tree["generate"]["noise"] |= {"kind": "jpeg", "strength": [0.1, 1.0]}
    tree["evaluate"] |= {"noise_levels": [0.995, 0.1], "noise_kinds": ["gaussian", "jpeg"]}

    def firsts(self, *suspect: str) -> list[str]:
        return [line.split(" = ")[0] for line in broken_rules(self.tree, set(suspect))]

    def test_each_says_its_settings_and_values(self):
        lines = list(broken_rules(self.tree, set()))
        assert [line.split(": ")[0] for line in lines] == [
            "train.precision = 'mixed_float16' with train.device = 'cpu'",
            "download.svhn.extra = true with download.source = 'mat'",
            "generate.noise.strength = [0.1, 1.0] with generate.noise.kind = 'jpeg'",
            "evaluate.noise_levels = [0.995, 0.1] with generate.noise.kind = 'jpeg'",
            'evaluate.noise_levels = [0.995, 0.1] with evaluate.noise_kinds = ["gaussian", "jpeg"]',
        ]

    @pytest.mark.parametrize(
        ("suspect", "silent"),
        [
            (["train.device"], [0]),
            (["train"], [0]),
            (["generate.noise.strength.1"], [2]),
            (["evaluate.noise_levels.0", "download.source"], [1, 3, 4]),
            (["generate.noise"], [2, 3]),
            (["evaluate.noise_kinds"], [4]),
            (["train.devices", "train.dev", "generate.noise.kinder", "evaluate.noise"], []),
        ],
    )
    def test_one_over_a_setting_that_is_wrong_in_itself_is_silent_and_the_others_are_not(self, suspect, silent):
        every = self.firsts()
        assert self.firsts(*suspect) == [first for number, first in enumerate(every) if number not in silent]


class TestChanged:
    settings = params.parse(TEXT)

    def test_settings_are_changed_by_their_dotted_keys_and_the_rest_stays(self):
        changed = params.changed(self.settings, {"seed": 3, "generate.noise.strength": [0.1, 0.2]})
        assert (changed.seed, changed.generate.noise.bounds) == (3, (0.1, 0.2))
        assert params.changed(changed, {"seed": 2021, "generate.noise.strength": 0.1}) == self.settings

    @pytest.mark.parametrize("key", ["train.epoch", "trains.epochs", "train", "train.epochs.x", "generate.noise", ""])
    def test_what_is_no_setting_is_refused_by_its_name(self, key):
        with pytest.raises(DenoiserError, match=rf"^a sweep: .*{key}.*") as caught:
            params.changed(self.settings, {key: 3}, "a sweep")
        assert "no such setting" in str(caught.value) or "unknown" in str(caught.value)

    def test_changed_settings_are_checked(self):
        with pytest.raises(DenoiserError, match=r"^changed settings: 1 setting is wrong\n  train\.epochs = 0"):
            params.changed(self.settings, {"train.epochs": 0})


def test_a_refusal_needs_neither_tensorflow_nor_mlflow_nor_numpy(tmp_path):
    # what makes the answer quick: importing any of these takes longer than all the rest together
    (tmp_path / "params.yaml").write_text(spoilt("a misspelt key"))
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "svhn_denoiser", "params", "check"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error: params.yaml: 2 settings are wrong" in done.stderr
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "pydantic" in imported
    assert not imported & {"tensorflow", "keras", "mlflow", "numpy", "dvc"}
