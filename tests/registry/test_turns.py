"""Turns without a lock: never two at once, lower numbers first, and nobody waits for the dead for ever."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from svhn_denoiser.registry import turns
from svhn_denoiser.registry.turns import Claims, turn


class Board:
    """What a server is here: a write is seen by all who read after it, and each takes its time."""

    def __init__(self) -> None:
        self.claims: dict[int, str] = {}
        self.lock = threading.Lock()

    def read(self) -> dict[int, str]:
        time.sleep(0.002)
        with self.lock:
            return dict(self.claims)

    def write(self, number: int, claim: str | None) -> None:
        time.sleep(0.002)
        with self.lock:
            if claim is None:
                self.claims.pop(number, None)
            else:
                self.claims[number] = claim


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setattr(turns, "_PAUSE", 0.005)
    return Board()


def claims(board: Board) -> Claims:
    return Claims(board.read, board.write)


def test_no_two_have_their_turn_at_once_and_all_have_one(board: Board) -> None:
    inside, most, done = 0, 0, []
    start = threading.Barrier(6)

    def go(number: int) -> None:
        nonlocal inside, most
        start.wait()
        for _ in range(3):
            with turn(claims(board), number) as still_ours:
                inside += 1
                most = max(most, inside)
                time.sleep(0.003)
                assert still_ours()
                inside -= 1
            done.append(number)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(go, range(6)))
    assert most == 1
    assert sorted(done) == sorted([*range(6)] * 3)
    assert board.claims == {}


@pytest.mark.parametrize("dead", [1, 3], ids=["a lower number", "a higher number"])
def test_a_claim_of_a_killed_process_is_forgotten_after_a_while(
    board: Board, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.1)
    board.claims[dead] = "left behind"
    with turn(claims(board), 2):
        assert list(board.claims) == [2]
    assert board.claims == {}


def test_who_waits_for_the_dead_is_not_taken_for_dead_itself(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.5)
    board.claims[9] = "left behind"
    order = []

    def go(number: int) -> None:
        with turn(claims(board), number) as still_ours:
            time.sleep(0.3)
            assert still_ours()
            order.append(number)

    # the second watches the first for as long as the first watches the dead one
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, (1, 2)))
    assert order == [1, 2]


def test_an_error_gives_the_turn_back(board: Board) -> None:
    def fail(action: Callable[[], None]) -> None:
        with turn(claims(board), 1):
            action()

    with pytest.raises(ZeroDivisionError):
        fail(lambda: 1 // 0)  # type: ignore[arg-type,return-value]
    assert board.claims == {}


def test_a_turn_that_was_taken_away_is_noticed(board: Board) -> None:
    with turn(claims(board), 1) as still_ours:
        board.claims.clear()
        assert not still_ours()
