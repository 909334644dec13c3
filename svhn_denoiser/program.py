"""How a program of this project ends: an error for people is one line, not a traceback."""

import sys
from collections.abc import Callable
from typing import NoReturn

from svhn_denoiser.errors import DenoiserError


def run(main: Callable[[], None]) -> NoReturn:
    """Run a stage and exit: 0 if it did its work, 1 on a :class:`DenoiserError`, 130 if interrupted.

    Any other exception is a bug and keeps its traceback.
    """
    try:
        main()
    except DenoiserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(130)
    sys.exit(0)
