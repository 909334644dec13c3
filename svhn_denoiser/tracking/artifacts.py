"""Artifacts that a server does not hand on: this machine writes them to S3, or the like, by itself."""

from importlib.util import find_spec
from urllib.parse import urlsplit

from svhn_denoiser.credentials import public_address
from svhn_denoiser.errors import DenoiserError

# by the scheme of an address: the module that MLflow needs for it, and how to install that
_PLUG_INS = {
    "s3": ("boto3", "make s3"),
    "gs": ("google.cloud.storage", 'pip install "google-cloud-storage"'),
    "wasbs": ("azure.storage.blob", 'pip install "azure-storage-blob" "azure-identity"'),
    "abfss": ("azure.storage.filedatalake", 'pip install "azure-storage-file-datalake" "azure-identity"'),
}
_S3 = (
    "It is reached from this machine: MLFLOW_S3_ENDPOINT_URL is its address, where it is not Amazon's, and "
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are the credentials."
)


def are_written_by_us(location: str) -> bool:
    """Whether what lies at that address is written from this machine, rather than handed to the server."""
    return urlsplit(location).scheme in _PLUG_INS


def require_plug_in(store: str, location: str) -> None:
    """Make sure that artifacts can be written before there are any.

    Args:
        store: its name.
        location: of the artifacts.

    Raises:
        DenoiserError: MLflow lacks a package for it.
    """
    module, install = _PLUG_INS.get(urlsplit(location).scheme, ("", ""))
    if module and not _is_installed(module):
        raise DenoiserError(
            f"{store}: leaves it to this machine to reach artifacts in {public_address(location)}, and the package for "
            f"that, {module}, is not installed. Install it: `{install}`."
        )


def refusals() -> tuple[type[Exception], ...]:
    """What is raised where S3 refuses or is gone."""
    if not _is_installed("boto3"):
        return ()
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return Boto3Error, BotoCoreError, ClientError


def remedy(error: Exception) -> str | None:
    """What to do about an error of S3's; None for others."""
    return _S3 if isinstance(error, refusals()) else None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it is in
        return False
