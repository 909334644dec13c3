"""Two processes of one machine take turns."""

import threading

from filelock import FileLock

from svhn_denoiser.locks import waiting
from tests.patience import SOON


def test_a_free_lock_is_taken_without_a_word(tmp_path):
    said = []
    with waiting(tmp_path / "state" / "lock", lambda: said.append("waits")):
        assert not said


def test_who_has_to_wait_says_so_once_and_then_goes_on(tmp_path):
    lock_file = tmp_path / "lock"
    said, order, waits = [], [], threading.Event()

    def second() -> None:
        with waiting(lock_file, lambda: (said.append("waits"), waits.set())):
            order.append("second")

    with FileLock(lock_file):
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(timeout=SOON)
        order.append("first")
    thread.join()
    assert (said, order) == (["waits"], ["first", "second"])


def test_a_lock_is_given_back_after_an_error(tmp_path):
    errors = []  # an error that is kept keeps what its block held
    for _ in range(2):
        try:
            with waiting(tmp_path / "lock", lambda: None):
                raise RuntimeError
        except RuntimeError as error:
            errors.append(error)
    FileLock(tmp_path / "lock").acquire(timeout=0)
