"""A sweep: the best on the validation pictures is proposed."""

from svhn_denoiser.retraining.comment import markdown
from svhn_denoiser.retraining.result import Outcome, Trial
from tests.retraining.toy_pipeline import Go, Toy


def test_the_best_of_a_sweep_on_the_validation_pictures_is_proposed(toy: Toy, go: Go) -> None:
    go(toy, chosen=("train.epochs=10",), commit=True)
    toy.ran()
    result = go(toy, chosen=("train.epochs=20,28,40", "train.loss=mse"))
    assert result.trials == [
        Trial({"train.epochs": epochs, "train.loss": "mse"}, validation_psnr, psnr)
        for epochs, validation_psnr, psnr in ((20, 29.8, 29), (28, 29.4, 29.8), (40, 28.2, 29))
    ]
    assert toy.ran() == ["train", "evaluate"] * 3 + ["register"]
    assert (result.outcome, result.run_id) == (Outcome.PROMOTED, "run-20")
    assert "epochs: 20" in (toy.folder / "params.yaml").read_text()
    assert "| train.epochs | train.loss | validation PSNR (dB) | test PSNR (dB) |" in markdown(result)
    assert "| 20 | mse | 29.80 ← best | 29.00 |" in markdown(result)
    assert toy.registry()["versions"] == ["run-10", "run-20"]


def test_a_sweep_scores_what_was_trained_before_on_another_machine_too(toy: Toy, go: Go) -> None:
    go(toy, chosen=("train.epochs=20",), commit=True)
    toy.push()
    toy.ran()
    other = toy.clone("other")
    result = go(other, chosen=("train.epochs=20,28",))
    assert [trial.validation_psnr for trial in result.trials] == [29.8, 29.4]
    assert other.ran() == ["train", "evaluate"]
    assert result.reasons == ["The results are the same as for version 1."]
