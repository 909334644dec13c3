"""train: a network from the training pairs; the best epoch on the validation pairs is kept."""

from dataclasses import asdict, replace
from functools import partial

from svhn_denoiser import files, pairs, params, program
from svhn_denoiser.paths import HISTORY, MODEL, NOISY, RESUME, RUN


def main() -> None:
    """Read data/noisy, write models/denoiser.keras, reports/history.csv and reports/run.json."""
    settings = params.load()
    # these import TensorFlow and MLflow: report a wrong setting first
    from svhn_denoiser.networks.model_file import save
    from svhn_denoiser.tracking.dependencies import code_hash, data_hash
    from svhn_denoiser.tracking.lineage import dvc_hash
    from svhn_denoiser.tracking.location import repository_root
    from svhn_denoiser.tracking.runs import write_run
    from svhn_denoiser.tracking.training_run import training_run
    from svhn_denoiser.training import device, resuming
    from svhn_denoiser.training.fitting import Training, samples
    from svhn_denoiser.training.progress_line import ProgressLine

    say = partial(print, flush=True)
    chosen = device.choose(settings.train)
    train, validation = (pairs.read(NOISY, split) for split in ("train", "validation"))
    training = Training(settings, train, validation, chosen)
    say(f"{settings.train.network} on {chosen.description}: {len(train):,} pictures, {len(validation):,} to validate")
    checkpoints = repository_root() / RESUME
    resuming.delete_recorded(checkpoints, dvc_hash(RUN))
    key = resuming.key(training.identity(), code_hash("train"), data_hash(NOISY))
    checkpoint = resuming.Checkpoint(checkpoints, key)
    with checkpoint.alone(say):
        state = checkpoint.read(training.begin(), training.load, say)
        tags = {"device": chosen.description, "precision": chosen.precision(settings.train)}
        with (
            training_run(settings, run_id=state.run_id, resumed=state.resumed, tags=tags, say=say) as run,
            ProgressLine(settings.train.epochs, len(training.batches)) as line,
        ):
            run.log_missing({row.epoch: row.curves() for row in state.history})

            def on_epoch(state: resuming.State, speed: float) -> None:
                row = state.history[-1]
                line.epoch(row, best=state.best_epoch == row.epoch, speed=speed)
                # kept before it is logged: nothing that becomes of the store costs an epoch
                checkpoint.write(state, training.save)
                run.log_epoch(row.epoch, row.curves() | {"pictures_per_second": speed})

            state = training.run(replace(state, run_id=run.run_id), on_epoch, line.batch)
            model = training.published(state)
            run.set_tags({"best_epoch": str(state.best_epoch)})
            run.log_pictures({"clean-noisy-denoised": samples(model, validation)}, state.best_epoch)
        save(model, MODEL)
        files.write_csv(HISTORY, [asdict(row) for row in state.history])
        write_run(RUN, run.store, run.run_id, run.record)
        checkpoint.published(RUN)
    say(f"best: epoch {state.best_epoch}, {state.best_psnr:.2f} dB on the validation pictures")


if __name__ == "__main__":
    program.run(main)
