"""What two machines that register at the same moment do to each other, and how it is mended."""

from svhn_denoiser.tracking.rights import status
from svhn_denoiser.tracking.store import Store  # before MLflow: it decides what MLflow prints and reports

# isort: split
from mlflow.exceptions import MlflowException

# the tag of a version that was registered at the same moment as another with the same bytes, and could not be deleted
TWIN = "twin_of"


def set_alias(store: Store, model: str, alias: str, number: int) -> None:
    """Give a version an alias; the one that comes last has it."""
    try:
        store.client.set_registered_model_alias(model, alias, str(number))
    except MlflowException as error:
        if status(error) != 400:
            raise
        # of two that give an alias for the first time at the same moment, PostgreSQL refuses one
        store.client.set_registered_model_alias(model, alias, str(number))


def withdraw(store: Store, model: str, twin: int, of: int) -> None:
    """Take a version back that another one made superfluous."""
    try:
        store.client.delete_model_version(model, str(twin))
    except MlflowException as error:
        if status(error) != 403:
            raise
        # on a server with accounts, EDIT deletes no version: it stays, and counts for nothing
        store.client.set_model_version_tag(model, str(twin), TWIN, str(of))
        store.client.update_model_version(model, str(twin), f"The same model as version {of}.")
