"""register: a version in MLflow's registry, and champion if the gate says so."""

from svhn_denoiser import pairs, params, program
from svhn_denoiser.files import write_json
from svhn_denoiser.paths import NOISY, REGISTRATION, REPORTS
from svhn_denoiser.registry.trained import read_trained


def main() -> None:
    """Read the model, its scores and its run; write reports/registration.json."""
    settings = params.load()
    # imports TensorFlow and MLflow: report a wrong setting first
    from svhn_denoiser.registry.registration import in_words, register

    result = register(settings, read_trained(), pairs.read(NOISY, "test"), REPORTS)
    write_json(REGISTRATION, result)
    program.conclude(in_words(result))


if __name__ == "__main__":
    program.run(main)
