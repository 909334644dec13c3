"""What a network in OpenVINO's format gets before it is kept: two parts of the picture for bfloat16, small weights.

- bfloat16 has 8 bits of precision. A picture that is rounded to it gets noise of about 0.001; the network, which adds
  its correction to the picture as it was, then takes noise out that is not there. This cost 0.04 dB at a sigma of 0.02,
  and was all that bfloat16 cost. So the first convolution sees the picture in two parts that bfloat16 holds, coarse and
  fine, with the same weights for both: in float32 the same network.
- Weights that float16 holds to the last bit are stored in it, at half the size; they are float32 again when the
  network is prepared.
"""

from pathlib import Path
from typing import Any

import numpy as np

from svhn_denoiser.denoising.runtime import import_openvino

# steps from 0 to 1 of the coarse part: bfloat16 holds each of them
_COARSE = 128
# constants with fewer numbers stay as they are
_LARGE = 256
# operations that move pixels and change none: what padding consists of
_MOVES = {"Transpose", "Gather"}


def rewrite(given: Path, file: Path) -> None:
    """Write a network with both changes.

    Args:
        given: the .xml file that Keras wrote; maps float32 (N, H, W, 3) to the same.
        file: where to, another .xml; the weights go beside it into a .bin file.
    """
    openvino = import_openvino()
    core = openvino.Core()
    # the file of the weights need not outlive this
    core.set_property({"ENABLE_MMAP": False})
    network = core.read_model(given)
    _see_in_two_parts(network)
    _store_in_float16(network)
    network.validate_nodes_and_infer_types()
    openvino.save_model(network, file, compress_to_fp16=False)


def _see_in_two_parts(network: Any) -> None:
    """Give the convolutions that read the picture its coarse and its fine part; without such, change nothing."""
    from openvino import opset13 as ops

    moves, readers = _way_in(network.input(0).get_node())
    if not readers:
        return
    # before anything else: OpenVINO computes in float32 only what comes straight from the input
    picture = network.input(0).get_node().output(0)
    steps = ops.floor(ops.multiply(picture, np.float32(_COARSE)))
    coarse = ops.multiply(steps, np.float32(1 / _COARSE))
    parts = [coarse.output(0), ops.subtract(picture, coarse).output(0)]
    for move in moves:
        parts = [_like(move, part, ops) for part in parts]
    for concat, convolutions in readers:
        before = [] if concat is None else [port.get_source_output() for port in concat.inputs()[1:]]
        seen = ops.concat([parts[0], *before, parts[1]], axis=1)
        for convolution in convolutions:
            weights = convolution.input_value(1).get_node().get_data()
            doubled = ops.constant(np.concatenate([weights, weights[:, :3]], axis=1))
            convolution.input(0).replace_source_output(seen.output(0))
            convolution.input(1).replace_source_output(doubled.output(0))


def _way_in(picture: Any) -> tuple[list[Any], list[tuple[Any, list[Any]]]]:
    """The operations that pad the picture, and the convolutions that then read it.

    These come in groups: those that read it alone (None), and those that read it joined with something else, after the
    operation that joins.
    """
    moves: list[Any] = []
    node = picture
    while moved := [user for user, port in _users(node) if port == 0 and user.get_type_name() in _MOVES]:
        if len(moved) > 1:
            return [], []
        node = moved[0]
        moves.append(node)
    alone = [user for user, port in _users(node) if port == 0 and _is_convolution(user)]
    readers: list[tuple[Any, list[Any]]] = [(None, alone)] if alone else []
    for user, port in _users(node):
        if user.get_type_name() == "Concat" and port == 0:
            convolutions = [reader for reader, _ in _users(user)]
            if all(map(_is_convolution, convolutions)):
                readers.append((user, convolutions))
    return moves, readers


def _users(node: Any) -> list[tuple[Any, int]]:
    return [(port.get_node(), port.get_index()) for port in node.output(0).get_target_inputs()]


def _is_convolution(node: Any) -> bool:
    return bool(node.get_type_name() == "Convolution" and node.input_value(1).get_node().get_type_name() == "Constant")


def _like(move: Any, part: Any, ops: Any) -> Any:
    arguments = [move.input_value(index) for index in range(1, move.get_input_size())]
    return (ops.transpose if move.get_type_name() == "Transpose" else ops.gather)(part, *arguments).output(0)


def _store_in_float16(network: Any) -> None:
    from openvino import opset13 as ops

    for node in network.get_ops():
        if node.get_type_name() != "Constant" or node.get_element_type().get_type_name() != "f32":
            continue
        values = node.get_data()
        half = values.astype(np.float16)
        if values.size < _LARGE or not np.array_equal(half.astype(np.float32), values):
            continue
        back = ops.convert(ops.constant(half), "f32")
        for port in node.output(0).get_target_inputs():
            port.replace_source_output(back.output(0))
