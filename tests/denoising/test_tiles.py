"""A large picture goes through a network in tiles, and nobody sees where they meet."""

from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from svhn_denoiser.denoising.tiles import MARGIN, in_tiles, with_model
from svhn_denoiser.networks import architectures
from svhn_denoiser.params import Params, TrainSettings

Floats = NDArray[np.float32]
_RNG = np.random.default_rng(4)


def darker(picture: Floats) -> Floats:
    """Stands in for a network: halves all values, so that one sees what went through it."""
    return picture / np.float32(2)


class TestTiles:
    @staticmethod
    def blur(picture: Floats) -> Floats:
        """Depends on 90 pixels to each side: nearly as far as the margin allows."""
        for axis in (0, 1):
            picture = sum(np.roll(picture, shift, axis) for shift in (-90, -7, 0, 7, 90)) / np.float32(5)
        return picture

    def test_tiles_show_no_seam(self) -> None:
        picture = _RNG.random((1000, 1800, 3), dtype=np.float32)
        sizes = set()

        def look(piece: Floats) -> Floats:
            sizes.add(piece.shape)
            return self.blur(piece)

        tiled = in_tiles(picture, look)
        assert tiled.shape == picture.shape
        # a runtime prepares itself for each new size
        assert len(sizes) == 1
        assert max(sizes)[0] * max(sizes)[1] <= 1024 * 1024
        inside = (slice(90, -90), slice(90, -90))
        np.testing.assert_allclose(tiled[inside], self.blur(picture)[inside], atol=1e-6)

    def test_tiles_give_what_the_whole_picture_gives_up_to_its_edges(self, settings: Params) -> None:
        network = architectures.build(settings.train.model_copy(update={"width": 8, "noise_map": True}))
        network.set_weights([w if w.any() else _RNG.normal(0, 0.01, w.shape) for w in network.get_weights()])
        denoise = with_model(network)
        picture = _RNG.random((933, 1003, 3), dtype=np.float32)
        tiled = in_tiles(picture, denoise, whole=0)
        np.testing.assert_allclose(tiled, denoise(picture), atol=1e-4)

    def test_a_type_is_kept(self) -> None:
        picture = _RNG.integers(0, 65536, (900, 1300, 1), np.uint16)
        np.testing.assert_array_equal(in_tiles(picture, lambda piece: piece), picture)

    @pytest.mark.parametrize("shape", [(1, 2000, 3), (960, 1920, 3), (1921, 3, 3)])
    def test_any_shape_is_covered(self, shape: tuple[int, int, int]) -> None:
        picture = _RNG.random(shape, dtype=np.float32)
        np.testing.assert_array_equal(in_tiles(picture, darker), picture / np.float32(2))

    @pytest.mark.parametrize(
        "changes",
        [{"network": name} for name in get_args(TrainSettings.model_fields["network"].annotation)]
        # as deep as that of any recipe
        + [{"blocks": 3}, {"blocks": 3, "noise_map": True}],
        ids=str,
    )
    def test_no_network_sees_further_than_a_tiles_margin(self, changes: dict[str, Any], settings: Params) -> None:
        network = architectures.build(settings.train.model_copy(update={"width": 8} | changes))
        # zeros, such as an untrained network begins with, let nothing through
        network.set_weights([w if w.any() else _RNG.normal(0, 0.1, w.shape) for w in network.get_weights()])
        picture = _RNG.random((1, 256, 256, 3), dtype=np.float32)
        before = network.predict_on_batch(picture)
        reach = 0
        for row, column in ((128, 128), (129, 131), (135, 130)):
            touched = picture.copy()
            touched[0, row, column] += 50
            rows, columns = np.nonzero(np.abs(network.predict_on_batch(touched) - before).max((0, 3)))
            reach = max(reach, np.abs(rows - row).max(), np.abs(columns - column).max())
        assert 10 < reach <= MARGIN, reach
