"""How long "soon" is in tests, for all of them at once: a slow machine sets SVHN_DENOISER_TEST_PATIENCE to 5.

What a test starts has no time limit of its own: pytest ends a test that hangs (`timeout` in pyproject.toml). SOON is
for the tests of promptness: long enough for a loaded machine, and less than the libraries would wait by themselves.
"""

import os

SOON = 150.0 * float(os.environ.get("SVHN_DENOISER_TEST_PATIENCE", "1"))  # seconds
