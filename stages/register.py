"""register: a version in MLflow's registry, and champion if the gate says so."""

from pathlib import Path

from svhn_denoiser import pairs, params
from svhn_denoiser.files import read_json, write_json
from svhn_denoiser.program import run


def main() -> None:
    """Read the model, its scores and its run; write reports/registration.json."""
    settings = params.load()
    # imports TensorFlow and MLflow: a wrong setting is said before
    from svhn_denoiser.registry.registration import Trained, register

    reports = Path("reports")
    trained = Trained(
        model_file=Path("models/denoiser.keras"),
        run_id=read_json(reports / "run.json")["run_id"],
        data_source=read_json(Path("data/raw/source.json"))["source"],
        scores=read_json(reports / "metrics.json"),
    )
    result = register(settings, trained, pairs.read(Path("data/noisy"), "test"), reports)
    write_json(reports / "registration.json", result)
    is_champion = result["champion_after"] == result["version"]
    print(f"version {result['version']} is {'champion' if is_champion else 'no champion'}:")
    print("\n".join(f"  {reason}" for reason in result["reasons"]))


if __name__ == "__main__":
    run(main)
