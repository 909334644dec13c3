"""The DVC remote in a retraining: reached before the work starts, and pushed to after each expensive step."""

from collections.abc import Callable, Sequence

from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.retraining.pipeline import Pipeline


class Remote:
    """The remote, also when there is none or it refuses.

    Without one, what is made stays in this checkout. A run that only reports does without one that refuses; for any
    other run that is an error, as nobody would get its results. Either way a note says so.

    Args:
        pipeline: whose remote it is.
        report_only: whether nothing is to be registered.
        say: called with what is being done.
        note: takes a sentence for the report.
    """

    def __init__(
        self, pipeline: Pipeline, *, report_only: bool, say: Callable[[str], None], note: Callable[[str], None]
    ) -> None:
        self._pipeline, self._report_only, self._say, self._note = pipeline, report_only, say, note
        self._takes = pipeline.remote is not None

    def reach(self) -> None:
        """Fetch the run cache.

        Raises:
            DenoiserError: the remote cannot be read, and this is no report.
        """
        if self._pipeline.remote is None:
            self._note("There is no DVC remote: the results stay in this checkout.")
            return
        self._say(f"fetching the run cache from {self._pipeline.remote}")
        try:
            self._pipeline.reach_remote()
        except DenoiserError as error:
            if not self._report_only:
                raise
            self._note(f"Every stage runs here: {error}")
            self._pipeline.forget_remote()
            self._takes = False

    def push(self, what: str, stages: Sequence[str] | None = None) -> None:
        """Push the outputs of some stages, or of all.

        Args:
            what: that is, for people.
            stages: by name; None for all.

        Raises:
            DenoiserError: the remote takes nothing, and this is no report.
        """
        if not self._takes:
            return
        self._say(f"pushing {what}")
        try:
            self._pipeline.push(stages)
        except DenoiserError as error:
            if not self._report_only:
                raise
            self._note(f"The results stay in this checkout: {error}")
            self._takes = False
