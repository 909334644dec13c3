"""The command line, `svhn-denoiser --help`, assembled from the commands of the wings.

Slow imports (MLflow 3 s, TensorFlow 6 s) happen in the command that needs them.
"""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from svhn_denoiser import params_command, program
from svhn_denoiser.comparison.command import compare
from svhn_denoiser.credentials import masked
from svhn_denoiser.denoising.command import denoise
from svhn_denoiser.denoising.export_command import export
from svhn_denoiser.drift.command import drift
from svhn_denoiser.errors import DenoiserError
from svhn_denoiser.evaluation.command import scores
from svhn_denoiser.moving import command as moving_command
from svhn_denoiser.registry import command as registry_command
from svhn_denoiser.registry import runs_command
from svhn_denoiser.retraining.command import retrain
from svhn_denoiser.tracking.ui_command import ui


class _Group(TyperGroup):
    """The commands; what is wrong with their arguments is said without a password that stands among them."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            # of usage: it becomes a box, and where its lines are broken an address is known for one no more
            if isinstance(said := getattr(error, "message", None), str):
                error.message = masked(said)  # type: ignore[attr-defined]
            raise


app = typer.Typer(
    cls=_Group,
    help="Remove noise from pictures of house numbers, and manage the models that do it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(params_command.app, name="params")
app.add_typer(registry_command.app, name="registry")
app.add_typer(runs_command.app, name="runs")
app.add_typer(moving_command.app, name="store")
for command in (retrain, compare, drift, scores, ui, denoise, export):
    app.command()(command)


def main() -> None:
    """Run the command line. A user's error is one line; the exit code is 0 only if everything was done."""
    program.run(_run)


def _run() -> None:
    try:
        app()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "svhn_denoiser":
            raise
        raise DenoiserError(
            f"this command needs {error.name}, which is not installed: the package alone denoises pictures, and no "
            "more. Run `pip install 'svhn-denoiser[pipeline]'`, or `make setup` in a clone."
        ) from error


def _show_version(asked: bool) -> None:
    if asked:
        try:
            typer.echo(installed("svhn-denoiser"))
        except PackageNotFoundError:
            typer.echo("a checkout that is not installed")
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
