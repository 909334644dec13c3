"""evaluate: how good the model is on the test split, and next to classical denoisers."""

import shutil
from functools import partial

from svhn_denoiser import files, pairs, params, program
from svhn_denoiser.evaluation import suite
from svhn_denoiser.files import read_json, write_json
from svhn_denoiser.paths import HISTORY, IMAGES, METRICS, MODEL, NOISY, REPORT, REPORTS, RUN, SOURCE
from svhn_denoiser.report import html
from svhn_denoiser.report.sheets import sheet


def main() -> None:
    """Read the model and the test pairs; write all of reports/ that is about scores."""
    settings = params.load()
    # imports TensorFlow: a wrong setting is said before
    from svhn_denoiser.networks.inference import denoise
    from svhn_denoiser.networks.model_file import load_model

    test = pairs.read(NOISY, "test")
    denoiser = partial(denoise, load_model(MODEL))
    result = suite.evaluate(settings, test, denoiser, lambda part: print(f"scoring: {part}", flush=True))
    images = {name: sheet(test, chosen, denoiser) for name, chosen in result.showcase.items()}

    write_json(METRICS, result.metrics)
    for name, rows in result.tables.items():
        files.write_csv(REPORTS / f"{name}.csv", rows)
    shutil.rmtree(IMAGES, ignore_errors=True)  # by hand, it may hold links into DVC's cache
    IMAGES.mkdir(parents=True)
    for name, png in images.items():
        files.write_bytes(IMAGES / f"{name}.png", png)
    page = html.render(
        metrics=result.metrics,
        history=files.read_csv(HISTORY),
        **result.tables,
        run=read_json(RUN),
        images=images,
        source=read_json(SOURCE),
    )
    files.write_text(REPORT, page)
    noisy, denoised = result.metrics["noisy"], result.metrics["denoised"]
    print(f"PSNR {noisy['psnr']:.2f} → {denoised['psnr']:.2f} dB, SSIM {noisy['ssim']:.3f} → {denoised['ssim']:.3f}")


if __name__ == "__main__":
    program.run(main)
