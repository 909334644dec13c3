"""What stages print."""

import subprocess

import pytest

from svhn_denoiser.retraining.output import StageOutput, on_standard_error


def test_the_error_of_a_stage_is_found_in_what_it_printed(capfd: pytest.CaptureFixture[str]) -> None:
    output = StageOutput()
    assert output.error() is None
    with on_standard_error(output):
        lines = "epoch 1\\nerror: an old one\\nepoch 2\\nerror: two settings are wrong\\n  one\\n  two\\nfailed"
        subprocess.run(["printf", lines], check=True)
    assert output.error() == "two settings are wrong\n  one\n  two"
    out, err = capfd.readouterr()
    assert out == ""
    assert "epoch 1\n" in err
