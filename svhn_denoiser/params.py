"""Typed settings: the only reader of params.yaml.

Every key must be there, known, of the right type and in range, and the settings must make sense together. All that
is wrong is said at once, before any data is read; nothing here imports TensorFlow.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from svhn_denoiser.credentials import user_of
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.params_rules import broken_rules
from svhn_denoiser.params_words import dotted_name, explain
from svhn_denoiser.paths import PARAMS

NoiseKind = Literal["gaussian", "poisson", "salt-and-pepper", "speckle", "poisson-gaussian", "jpeg"]
# mixes: each picture is given one of several kinds
NoiseMix = Literal["sensor", "mixed"]
LossName = Literal["mse", "l1", "charbonnier", "psnr"]
Baseline = Literal["gaussian-blur", "median", "total-variation", "non-local-means", "wavelet"]

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Strength = Annotated[float, Field(ge=0.001, le=1)]


class _Section(BaseModel):
    # strict: "10" is no number and 1 is no switch; an int is still taken where a float is asked for
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class SvhnSettings(_Section):
    """The official files: which ones, from where, and how often to retry."""

    extra: bool
    mirrors: Annotated[list[str], Field(min_length=1)]
    timeout: Annotated[float, Field(gt=0, le=3600)]
    retries: Annotated[int, Field(ge=1, le=20)]

    @field_validator("mirrors")
    @classmethod
    def _addresses(cls, mirrors: list[str]) -> list[str]:
        for mirror in mirrors:
            if not mirror.startswith(("http://", "https://", "file://")):
                raise PydanticCustomError(
                    "address", "{mirror} is no address: allowed are http://, https:// and file://", {"mirror": mirror}
                )
            if user_of(mirror):  # the settings get into commits, dvc.lock, MLflow and reports
                raise PydanticCustomError(
                    "credentials",
                    "no password may stand in the settings, which are recorded in many places; put the address into "
                    "SVHN_DENOISER_MIRROR",
                )
        return mirrors


class SyntheticSettings(_Section):
    """What to draw and how much; SVHN's file format holds 699,050 pictures at the most."""

    scenes: Literal["house-numbers", "everything"]
    train: Annotated[int, Field(ge=10, le=699_050)]
    test: Annotated[int, Field(ge=10, le=699_050)]


class ImagesSettings(_Section):
    """How the user's pictures become crops."""

    test_fraction: Share
    stride: Annotated[int, Field(ge=1, le=4096)]


class DownloadSettings(_Section):
    """Where clean pictures come from."""

    source: Literal["svhn", "synthetic", "mat", "images"]
    path: Annotated[str, Field(min_length=1)]
    svhn: SvhnSettings
    synthetic: SyntheticSettings
    images: ImagesSettings


class NoiseSettings(_Section):
    """The noise model; `noise.py` has the equations."""

    kind: Literal[NoiseKind, NoiseMix]
    strength: Strength | Annotated[list[Strength], Field(min_length=2, max_length=2)]
    read_sigma: Strength

    @field_validator("strength", mode="before")
    @classmethod
    def _one_clear_error(cls, strength: Any) -> Any:
        # pydantic would report every branch of the union; a user wants one sentence
        bounds = strength if isinstance(strength, list) else [strength]
        numbers = all(isinstance(b, int | float) and not isinstance(b, bool) and 0.001 <= b <= 1 for b in bounds)
        if not numbers or len(bounds) != (2 if isinstance(strength, list) else 1):
            raise PydanticCustomError("strength", "allowed: a number from 0.001 to 1, or a range [low, high] of two")
        if isinstance(strength, list) and not bounds[0] < bounds[1]:
            raise PydanticCustomError("strength", "a range [low, high] must rise")
        return strength

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest strength; equal where the strength is one number."""
        if isinstance(self.strength, list):
            return self.strength[0], self.strength[1]
        return self.strength, self.strength


class GenerateSettings(_Section):
    """Noisy and clean pairs."""

    noise: NoiseSettings
    validation_fraction: Annotated[float, Field(gt=0, le=0.5)]


class TrainSettings(_Section):
    """The network and how it learns."""

    network: Literal["residual-unet", "dncnn", "autoencoder-2021"]
    width: Annotated[int, Field(ge=4, le=512, multiple_of=4)]
    blocks: Annotated[int, Field(ge=1, le=64)]
    noise_map: bool
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    optimizer: Literal["muon", "adamw"]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    gradient_clip: Annotated[float, Field(gt=0)] | None
    weight_averaging: Share | None
    loss: LossName
    flips: bool
    fresh_noise: bool
    early_stopping: Count | None
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]
    device: Literal["auto", "gpu", "cpu"]
    deterministic: bool


class EvaluateSettings(_Section):
    """What the stage `evaluate` scores, and the baselines."""

    noise_levels: Annotated[list[Strength], Field(min_length=1)]
    noise_level_pictures: Count
    noise_kinds: list[NoiseKind]
    noise_kind_pictures: Count
    self_ensemble: bool
    baselines: list[Baseline]
    baseline_pictures: Count
    bootstrap_samples: Annotated[int, Field(ge=100, le=1_000_000)]
    shown_pictures: Annotated[int, Field(ge=1, le=32)]

    @field_validator("noise_levels", "noise_kinds", "baselines")
    @classmethod
    def _no_twins(cls, entries: list[Any]) -> list[Any]:
        if len(set(entries)) != len(entries):
            raise PydanticCustomError("twins", "each entry may appear only once")
        return entries


class GateSettings(_Section):
    """The conditions for a challenger to become champion."""

    min_psnr_gain: Annotated[float, Field(ge=-100, le=100)]
    max_ssim_loss: Annotated[float, Field(ge=0, le=1)]
    min_psnr_over_noisy: Annotated[float, Field(ge=-100, le=100)]


class RegisterSettings(_Section):
    """The registry."""

    promotion: Literal["automatic", "ask"]
    gate: GateSettings


class Params(_Section):
    """All settings; one section a stage. Made by `load`."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    download: DownloadSettings
    generate: GenerateSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    register_: Annotated[RegisterSettings, Field(alias="register")]  # BaseModel has a method of that name


def load(path: Path = PARAMS) -> Params:
    """Read and check all settings.

    Raises:
        DenoiserError: the file is missing or is no YAML, or settings are wrong; the message lists every wrong
            setting with its value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DenoiserError(
            f"{path}: no such file. Run this in the project's folder, or restore it from git."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DenoiserError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    return parse(text, str(path))


def parse(text: str, name: str = "params.yaml") -> Params:
    """Like `load`, for the text of a settings file; `name` is what errors call it."""
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}, line {mark.line + 1}" if mark else name
        problem = (error.problem or "cannot be read").replace("\n", " ")
        raise DenoiserError(f"{where}: is not valid YAML: {problem}") from None
    # a number of 5,000 digits, a list in a list in a list, a list for a key
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        raise DenoiserError(f"{name}: is not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        found = "is empty" if tree is None else f"holds a {type(tree).__name__}"
        raise DenoiserError(f"{name}: {found}; expected the sections {', '.join(_sections())}.")
    return _checked(tree, name)


def changed(settings: Params, changes: Mapping[str, Any], name: str = "changed settings") -> Params:
    """Settings with some of them changed and all checked again.

    Args:
        settings: where everything else comes from.
        changes: values by dotted key, such as `train.epochs`.
        name: what errors call them.

    Raises:
        DenoiserError: there is no such setting, or the settings are wrong.
    """
    tree = settings.model_dump(by_alias=True)
    for key, value in changes.items():
        *sections, last = key.split(".")
        node = tree
        for section in sections:
            node = node[section] if isinstance(node.get(section), dict) else {}
        if isinstance(node.get(last, {}), dict):
            raise DenoiserError(f"{name}: {key}: no such setting; params.yaml has them all.")
        node[last] = value
    return _checked(tree, name)


def _checked(tree: dict[str, Any], name: str) -> Params:
    params, wrong = None, []
    try:
        params = Params.model_validate(tree)
    except ValidationError as error:
        wrong = error.errors()
    # a rule over a setting that is wrong in itself would only say the same thing twice
    suspect = {dotted_name(detail["loc"]) for detail in wrong}
    lines = [explain(detail, Params) for detail in wrong] + list(broken_rules(tree, suspect))
    if params is None or lines:
        count = "1 setting is wrong" if len(lines) == 1 else f"{len(lines)} settings are wrong"
        raise DenoiserError("\n".join([f"{name}: {count}", *(f"  {line}" for line in lines)]))
    return params


def _sections() -> list[str]:
    return [field.alias or name for name, field in Params.model_fields.items()]
