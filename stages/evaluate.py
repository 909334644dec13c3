"""evaluate: how good the model is on the test split, and next to classical denoisers."""

from functools import partial

from svhn_denoiser import pairs, params, program
from svhn_denoiser.evaluation import suite
from svhn_denoiser.paths import MODEL, NOISY, RESUME, RUN
from svhn_denoiser.report import folder
from svhn_denoiser.report.sheets import exhibits, sheet


def main() -> None:
    """Read the model and the test pairs; write all of reports/ that is about scores."""
    settings = params.load()
    # imports TensorFlow: report a wrong setting first
    from svhn_denoiser.networks.inference import denoise
    from svhn_denoiser.networks.model_file import load_model
    from svhn_denoiser.tracking.lineage import dvc_hash
    from svhn_denoiser.tracking.location import repository_root
    from svhn_denoiser.training import resuming

    # by now DVC has recorded the training
    resuming.delete_recorded(repository_root() / RESUME, dvc_hash(RUN))
    test = pairs.read(NOISY, "test")
    denoiser = partial(denoise, load_model(MODEL))
    evaluation = suite.evaluate(settings, test, denoiser, lambda part: print(f"scoring: {part}", flush=True))
    folder.write(
        evaluation,
        {name: sheet(test, chosen, denoiser) for name, chosen in evaluation.showcase.items()},
        exhibits(test, evaluation, denoiser, settings.evaluate.shown_pictures),
        {"evaluate": settings.evaluate.model_dump(by_alias=True)},
    )
    print(evaluation.headline)


if __name__ == "__main__":
    program.run(main)
