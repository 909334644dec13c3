"""train: a network from the training pairs; the best epoch on the validation pairs is kept."""

from dataclasses import asdict

from svhn_denoiser import files, pairs, params, program
from svhn_denoiser.locks import waiting
from svhn_denoiser.paths import HISTORY, MODEL, NOISY, RESUME, RUN


def main() -> None:
    """Read data/noisy, write models/denoiser.keras, reports/history.csv and reports/run.json."""
    settings = params.load()
    # these import TensorFlow and MLflow: a wrong setting is said before
    from svhn_denoiser.networks.model_file import save
    from svhn_denoiser.tracking.location import repository_root
    from svhn_denoiser.tracking.runs import training_run, write_run
    from svhn_denoiser.training import device
    from svhn_denoiser.training.fitting import Epoch, Training, samples
    from svhn_denoiser.training.progress_line import TrainingProgress

    chosen = device.choose(settings.train)
    train, validation = (pairs.read(NOISY, split) for split in ("train", "validation"))
    training = Training(settings, train, validation, chosen, repository_root() / RESUME)
    print(f"{settings.train.network} on {chosen.description}: {len(train):,} pictures, {len(validation):,} to validate")
    waits = "another training of the same settings is running: waiting for it"
    with waiting(training.lock_file, lambda: print(waits, flush=True)):
        progress = training.resume()
        if progress.resumed:
            print(f"going on after epoch {len(progress.history)}, where an earlier training was interrupted")
        tags = {"device": chosen.description, "precision": chosen.precision(settings.train)}
        with (
            training_run(settings, run_id=progress.run_id, resumed=progress.resumed, tags=tags) as run,
            TrainingProgress(settings.train.epochs, len(training.batches)) as shown,
        ):
            progress.run_id = run.run_id

            def on_epoch(row: Epoch, speed: float) -> None:
                shown.epoch(row, best=progress.best_epoch == row.epoch, speed=speed)
                curves = {key: value for key, value in asdict(row).items() if key != "epoch"}
                run.log_epoch(row.epoch, curves | {"pictures_per_second": speed})

            model = training.run(on_epoch, shown.batch)
            run.set_tags({"best_epoch": str(progress.best_epoch)})
            run.log_pictures({"clean-noisy-denoised": samples(model, validation)}, progress.best_epoch)
        save(model, MODEL)
        files.write_csv(HISTORY, [asdict(row) for row in progress.history])
        write_run(RUN, run.store, run.run_id)
        training.forget()
    print(f"best: epoch {progress.best_epoch}, {progress.best_psnr:.2f} dB on the validation pictures")


if __name__ == "__main__":
    program.run(main)
