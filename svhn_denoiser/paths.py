"""Where things lie in the repository: relative to its root, where the stages and `dvc repro` run."""

from pathlib import Path

PARAMS = Path("params.yaml")
RECIPES = Path("recipes.yaml")
DVC_YAML = Path("dvc.yaml")
DVC_LOCK = Path("dvc.lock")

# clean pictures, and where they came from
RAW = Path("data/raw")
SOURCE = RAW / "source.json"

# noisy and clean pairs
NOISY = Path("data/noisy")

MODEL = Path("models/denoiser.keras")

REPORTS = Path("reports")
RUN = REPORTS / "run.json"
HISTORY = REPORTS / "history.csv"
METRICS = REPORTS / "metrics.json"
BASELINES = REPORTS / "baselines.csv"
NOISE_LEVELS = REPORTS / "noise_levels.csv"
NOISE_KINDS = REPORTS / "noise_kinds.csv"
IMAGES = REPORTS / "images"
REPORT = REPORTS / "report.html"
REGISTRATION = REPORTS / "registration.json"
# what `svhn-denoiser retrain` writes: for programs, and for people
RETRAINING = REPORTS / "retraining.json"
RETRAINING_SUMMARY = REPORTS / "retraining.md"

# trainings that were interrupted; in the repository that DVC_ROOT names
RESUME = Path(".resume")
# what trainings could not record while MLflow was away; beside them
OUTBOX = RESUME / "outbox"
