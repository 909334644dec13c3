"""Many pictures: in their order, small ones together, large ones alone, and never one for another."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from svhn_denoiser.denoising import flow
from svhn_denoiser.denoising.flow import Result, Settings, denoise_files, denoised
from svhn_denoiser.denoising.jobs import Job
from svhn_denoiser.denoising.noise_level import NEXT_TO_NONE, noise_level
from svhn_denoiser.errors import DenoiserError

_RNG = np.random.default_rng(3)


def halved(values: NDArray[Any]) -> NDArray[Any]:
    return (values // 2).astype(values.dtype) if values.dtype.kind == "u" else values / 2


def files(folder: Path, *shapes: tuple[int, ...]) -> list[Job]:
    """PNG files of one value each: the number of the picture, twice."""
    jobs = []
    for number, shape in enumerate(shapes):
        source = folder / f"{number:04}.png"
        Image.fromarray(np.full(shape, 2 * number, np.uint8)).save(source)
        jobs.append(Job(source, folder / "out" / source.name))
    return jobs


def seen(folder: Path, *shapes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """What the network was called with."""
    calls = []

    def look(values: NDArray[Any]) -> NDArray[Any]:
        calls.append(values.shape)
        return halved(values)

    for number, result in enumerate(denoise_files(files(folder, *shapes), look, Settings())):
        assert result.reason is None
        assert result.source.name == f"{number:04}.png"
        assert (np.asarray(Image.open(result.target)) == number).all()
    return calls


SMALL, OTHER, LARGE, GREY = (32, 32, 3), (32, 40, 3), (600, 600, 3), (32, 32)


def test_small_pictures_of_one_size_go_through_together_and_all_come_out_in_order(tmp_path: Path) -> None:
    shapes = [SMALL] * 20 + [OTHER] * 3 + [GREY] * 2 + [LARGE] + [SMALL] * 4 + [OTHER]
    assert seen(tmp_path, *shapes) == [(20, *SMALL), (3, *OTHER), GREY, GREY, LARGE, (4, *SMALL), OTHER]


def test_how_many_go_together_depends_on_no_threads_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "_TOGETHER", 8 * 32 * 32)
    monkeypatch.setattr(flow, "_IN_HAND", 20 * 32 * 32)
    assert seen(tmp_path, *[SMALL] * 50) == [(8, *SMALL)] * 6 + [(2, *SMALL)]


def test_no_more_is_in_hand_than_allowed_and_a_larger_picture_is_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "_IN_HAND", 2 * 600 * 600)
    lock, in_hand, most = threading.Lock(), [], []
    read, write = flow._read, flow._write

    def reading(job: Job) -> Any:
        with lock:
            in_hand.append(job)
            most.append(len(in_hand))
        return read(job)

    def writing(each: Any, *rest: Any) -> Result:
        result = write(each, *rest)
        with lock:
            in_hand.remove(each.job)
        return result

    monkeypatch.setattr(flow, "_read", reading)
    monkeypatch.setattr(flow, "_write", writing)
    seen(tmp_path, *[LARGE] * 6, (1200, 1200, 3), LARGE)
    assert max(most) == 2


def test_while_one_is_denoised_the_next_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = threading.Event()
    read = flow._read

    def reading(job: Job) -> Any:
        if job.source.name == "0001.png":
            second.set()
        return read(job)

    monkeypatch.setattr(flow, "_read", reading)

    def network(values: NDArray[Any]) -> NDArray[Any]:
        second.wait()  # for ever, if pictures were read one after the other
        return halved(values)

    assert all(result.target for result in denoise_files(files(tmp_path, LARGE, LARGE), network, Settings()))


def test_a_network_that_fails_fails_its_pictures_and_nothing_is_written(tmp_path: Path) -> None:
    def network(values: NDArray[Any]) -> NDArray[Any]:
        if values.shape == LARGE:
            raise DenoiserError("no.")
        return halved(values)

    results = list(denoise_files(files(tmp_path, SMALL, LARGE, SMALL), network, Settings()))
    assert [result.reason for result in results] == [None, "no", None]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0000.png", "0002.png"]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("strength", [0, 0.25, 1])
def test_strength_blends_with_the_picture(kind: Any, strength: float) -> None:
    white = 1 if kind is np.float32 else np.iinfo(kind).max
    before = (_RNG.random((700, 5, 4)) * white).astype(kind)
    kept = before.copy()
    after = denoised(before, halved, strength)
    assert after.dtype == kind
    expected = before[..., :3] * (1 - strength / 2)
    np.testing.assert_allclose(after[..., :3], expected, atol=1e-6 if white == 1 else 1)
    np.testing.assert_array_equal(after[..., 3], before[..., 3])
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2)])
def test_grey_goes_through_as_grey(shape: tuple[int, ...]) -> None:
    calls = []

    def network(values: NDArray[Any]) -> NDArray[Any]:
        calls.append(values.shape)
        return halved(values)

    assert denoised(np.full(shape, 200, np.uint8), network).shape == shape
    assert calls == [(5, 7)]


class TestNoise:
    @pytest.mark.parametrize("sigma", [0.01, 0.03, 0.1, 0.2])
    @pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
    def test_the_noise_of_a_plain_picture_is_measured(self, sigma: float, kind: Any) -> None:
        ramp = np.linspace(0.3, 0.7, 300)[:, None, None] * np.ones((300, 200, 3))
        noisy = np.clip(ramp + sigma * _RNG.standard_normal(ramp.shape), 0, 1)
        values = noisy.astype(kind) if kind is np.float32 else np.rint(noisy * np.iinfo(kind).max).astype(kind)
        assert noise_level(values) == pytest.approx(sigma, rel=0.06)
        assert noise_level(values[..., 0]) == pytest.approx(sigma, rel=0.1)

    def test_edges_and_black_borders_are_no_noise(self) -> None:
        picture = np.zeros((400, 400, 3), np.uint8)
        picture[100:300, 150:250] = (200, 120, 40)
        assert noise_level(picture) < NEXT_TO_NONE
        picture[50:350, 50:350] = np.clip(100 + 25 * _RNG.standard_normal((300, 300, 3)), 0, 255)
        assert noise_level(picture) == pytest.approx(0.1, rel=0.1)

    @pytest.mark.parametrize("shape", [(1, 1, 3), (2, 500, 3), (3, 3), (3, 3, 3), (33, 31)])
    def test_any_size_has_an_answer(self, shape: tuple[int, ...]) -> None:
        assert noise_level(np.full(shape, 77, np.uint8)) == 0
