"""The page of what logging costs: each training is compared with the one right before or after it."""

from benchmarks.logging_cost.command import Pair, page


def test_the_cost_is_taken_within_each_pair() -> None:
    # 1, 3 and 2 % within the pairs, 1.2 % by the sums: the longest would outweigh the others
    pairs = [Pair(100.0, 101.0), Pair(10.0, 10.3), Pair(1.0, 1.02)]
    text = page(pairs, {"machine": "this"})
    assert "adds **+2.0%** to the time of a training (median of 3 pairs; +1.0% to +3.0%)" in text
    assert "| 2 | 10.0 | 10.3 | +3.0% |" in text
    assert text.splitlines()[-1] == "| machine | this |"
