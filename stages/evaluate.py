"""evaluate: how good the model is on the test split, and next to classical denoisers."""

import shutil
from functools import partial
from pathlib import Path

from svhn_denoiser import files, pairs, params, program
from svhn_denoiser.evaluation import suite
from svhn_denoiser.files import read_json, write_json
from svhn_denoiser.report import html
from svhn_denoiser.report.sheets import sheet


def main() -> None:
    """Read the model and the test pairs; write all of reports/ that is about scores."""
    settings = params.load()
    # imports TensorFlow: a wrong setting is said before
    from svhn_denoiser.networks.inference import denoise
    from svhn_denoiser.networks.model_file import load_model

    reports = Path("reports")
    test = pairs.read(Path("data/noisy"), "test")
    denoiser = partial(denoise, load_model(Path("models/denoiser.keras")))
    result = suite.evaluate(settings, test, denoiser, lambda part: print(f"scoring: {part}", flush=True))
    images = {name: sheet(test, chosen, denoiser) for name, chosen in result.showcase.items()}

    write_json(reports / "metrics.json", result.metrics)
    for name, rows in result.tables.items():
        files.write_csv(reports / f"{name}.csv", rows)
    shutil.rmtree(reports / "images", ignore_errors=True)  # by hand, it may hold links into DVC's cache
    (reports / "images").mkdir(parents=True)
    for name, png in images.items():
        (reports / "images" / f"{name}.png").write_bytes(png)
    page = html.render(
        metrics=result.metrics,
        history=files.read_csv(reports / "history.csv"),
        **result.tables,
        run=read_json(reports / "run.json"),
        images=images,
        source=read_json(Path("data/raw/source.json")),
    )
    (reports / "report.html").unlink(missing_ok=True)
    (reports / "report.html").write_text(page, encoding="utf-8")
    noisy, denoised = result.metrics["noisy"], result.metrics["denoised"]
    print(f"PSNR {noisy['psnr']:.2f} → {denoised['psnr']:.2f} dB, SSIM {noisy['ssim']:.3f} → {denoised['ssim']:.3f}")


if __name__ == "__main__":
    program.run(main)
