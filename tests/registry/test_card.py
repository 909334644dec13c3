"""A version's model card: front matter that Hugging Face reads, scores, harm, licence, lineage; any text of people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from svhn_denoiser.registry.card import Facts, body, card
from svhn_denoiser.registry.card_file import for_page
from svhn_denoiser.registry.trained import Trained

SCORES = {
    "network": "residual-unet",
    "noise": {"kind": "gaussian", "strength": 0.1},
    "pictures": 26032,
    "noisy": {"psnr": 20.204, "psnr_low": 20.2, "psnr_high": 20.21, "ssim": 0.475},
    "denoised": {"psnr": 33.74126, "psnr_low": 33.71, "psnr_high": 33.77, "ssim": 0.95567},
    "clean": {"psnr": 37.04},
}
FILES = {"train_32x32.mat": {"pictures": 73257, "sha256": "0"}, "test_32x32.mat": {"pictures": 26032, "sha256": "0"}}
SVHN = {"source": "svhn", "from": "http://ufldl.stanford.edu/housenumbers/", "files": FILES}
RUN = {
    "git_commit": "0123456789abcdef",
    "settings": "train.width=24",
    "data_hash": "d" * 32,
    "params_hash": "e" * 32,
    "mlflow.user": "anna",
}


def rows(*gains: tuple[str, float], **more: str) -> list[dict[str, str]]:
    return [
        {**more, "strength": strength, "noisy_psnr": "30", "denoised_psnr": str(30 + gain)} for strength, gain in gains
    ]


def facts(source: Mapping[str, Any] = SVHN, run: Mapping[str, str] = RUN, **trained: Any) -> Facts:
    known = {"scores": SCORES, "noise_levels": rows(("0.02", -2.5), ("0.05", 7.0), ("0.1", 13.5)), **trained}
    made = Trained(Path("models/denoiser.keras"), "f" * 32, source, **known)
    return Facts(3, "2026-11-25T10:11:12+00:00", "a" * 64, 563_000, "f" * 32, run, made)


def parts(text: str) -> tuple[dict[str, Any], str]:
    """The front matter, read as YAML, and the Markdown after it."""
    nothing, front, rest = text.split("---\n", 2)
    assert nothing == ""
    return YAML(typ="safe").load(front), rest


def outside_of_code(text: str) -> list[str]:
    """Lines of Markdown that are in no block of code."""
    lines, fence = [], ""
    for line in text.splitlines():
        if fence:
            fence = "" if line == fence else fence
        elif line.startswith("```"):
            fence = line.rstrip("abcdefghijklmnopqrstuvwxyz")
        else:
            lines.append(line)
    assert not fence
    return lines


def test_the_front_matter_says_licence_data_task_and_scores() -> None:
    front, _ = parts(card(facts()))
    assert front == {
        "license": "other",
        "license_name": "svhn-non-commercial",
        "license_link": "http://ufldl.stanford.edu/housenumbers/",
        "library_name": "keras",
        "pipeline_tag": "image-to-image",
        "tags": ["image-denoising", "image-restoration", "residual-unet", "gaussian"],
        "datasets": ["ufldl-stanford/svhn"],
        "metrics": ["psnr", "ssim"],
        "model-index": [
            {
                "name": "svhn-denoiser, version 3",
                "results": [
                    {
                        "task": {"type": "image-to-image", "name": "Image denoising"},
                        "dataset": {
                            "type": "ufldl-stanford/svhn",
                            "name": "official SVHN, test pictures, gaussian 0.1",
                        },
                        "metrics": [
                            {"type": "psnr", "name": "PSNR (dB)", "value": 33.7413},
                            {"type": "ssim", "name": "SSIM", "value": 0.9557},
                        ],
                    }
                ],
            }
        ],
    }


def test_people_read_scores_limits_lineage_and_commands() -> None:
    _, text = parts(
        card(facts(noise_kinds=rows(("0.02", -1), ("0.1", 0), kind="jpeg") + rows(("0.1", 9), kind="poisson")))
    )
    for told in (
        "# svhn-denoiser, version 3\n",
        "+13.54 dB over the noisy pictures. Means over 26,032 test pictures",
        "| denoised | 33.74 (33.71 to 33.77) | 0.9557 |",
        "- **It does harm at 0.02**: with `gaussian` noise, PSNR changes by -2.5 dB at 0.02, +7.0 dB at 0.05",
        "- Other noise that it makes worse: `jpeg` of 0.02 and 0.1.\n",
        "afterwards their PSNR is 37.0 dB",
        "73,257 in `train_32x32.mat`, 26,032 in `test_32x32.mat`",
        "SVHN's pictures are for non-commercial use only.",
        "- commit: `0123456789abcdef`\n",
        "- settings that differ from the commit's: `train.width=24`\n",
        f"- sha256 of `models/denoiser.keras`: `{'a' * 64}`",
        "```sh\ngit checkout 0123456789 && dvc exp run -S train.width=24\n```",
        "svhn-denoiser denoise PICTURES --output FOLDER --model models:/svhn-denoiser/3\n",
        "\nsvhn-denoiser compare champion 3\n",
    ):
        assert told in text
    harmless = body(facts(noise_levels=rows(("0.1", 13.5))))
    assert "It does harm at none of the strengths tried: with `gaussian`" in harmless


@pytest.mark.parametrize(
    ("source", "licence", "words"),
    [
        ({"source": "synthetic"}, "apache-2.0", "nobody else has rights in them"),
        ({"source": "synthetic", "photographs": ["a.jpg: CC BY 2.0, b"]}, "apache-2.0", "- `a.jpg: CC BY 2.0, b`"),
        ({"source": "mat", "from": "data/import"}, "unknown", "If they are SVHN's own"),
        ({"source": "images", "from": "my|pictures"}, "unknown", "from `my|pictures`. "),
    ],
)
def test_each_source_has_its_own_licence(source: dict[str, Any], licence: str, words: str) -> None:
    front, text = parts(card(facts(source)))
    assert front["license"] == licence
    assert "datasets" not in front
    assert words in f"{text} ".replace(".\n\n", ". \n")


NASTY = "x` <script>alert(1)</script>\n\n# not a heading\n---\n```\n| a | [b](c) \u202e\udcff"


def test_no_text_of_people_breaks_the_card() -> None:
    plain = [line for line in outside_of_code(body(facts())) if line.startswith(("#", "---", "<"))]
    run = dict.fromkeys(("settings", "mlflow.user", "device", "dvc_experiment", "git_commit"), NASTY)
    run["settings"] = f"'download.path={NASTY}'"
    scores = SCORES | {"network": NASTY, "noise": {"kind": NASTY, "strength": 0.1}}
    text = card(facts({"source": "images", "from": NASTY, "files": {NASTY: {"pictures": 1}}}, run, scores=scores))
    front, markdown = parts(text)
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == 33.7413
    lines = outside_of_code(markdown)
    assert [line for line in lines if line.startswith(("#", "---", "<"))] == plain
    text.encode()
    assert all(character.isprintable() for character in text.replace("\n", ""))


def test_the_models_page_has_the_card_within_what_mlflow_holds() -> None:
    text = for_page(3, "33.74 dB; first champion", card(facts()))
    assert text.startswith("# svhn-denoiser, version 3\n\n33.74 dB; first champion\n\nTakes noise (`gaussian 0.1`)")
    assert "license_name" not in text
    long = for_page(3, "", card(facts(run=RUN | {"settings": " ".join(f"train.width={n}" for n in range(400))})))
    assert len(long) <= 5000
    assert long.endswith("\n\n… The rest is in `MODEL_CARD.md`, among the artifacts of its run.")
    assert outside_of_code(long)
    assert for_page(3, "a line", "") == "# svhn-denoiser, version 3\n\na line"
