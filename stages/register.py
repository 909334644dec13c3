"""register: a version in MLflow's registry, and champion if the gate says so."""

from svhn_denoiser import pairs, params
from svhn_denoiser.files import read_json, write_json
from svhn_denoiser.paths import METRICS, MODEL, NOISY, REGISTRATION, REPORTS, RUN, SOURCE
from svhn_denoiser.program import run


def main() -> None:
    """Read the model, its scores and its run; write reports/registration.json."""
    settings = params.load()
    # imports TensorFlow and MLflow: a wrong setting is said before
    from svhn_denoiser.registry.registration import Trained, register

    trained = Trained(
        model_file=MODEL,
        run_id=read_json(RUN)["run_id"],
        data_source=read_json(SOURCE)["source"],
        scores=read_json(METRICS),
    )
    result = register(settings, trained, pairs.read(NOISY, "test"), REPORTS)
    write_json(REGISTRATION, result)
    is_champion = result["champion_after"] == result["version"]
    print(f"version {result['version']} is {'champion' if is_champion else 'no champion'}:")
    print("\n".join(f"  {reason}" for reason in result["reasons"]))


if __name__ == "__main__":
    run(main)
