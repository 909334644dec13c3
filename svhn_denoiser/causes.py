"""What really happened, under what a library wrapped it in."""

from svhn_denoiser.credentials import masked


def reason(error: BaseException) -> str:
    """An error and its causes as one sentence, each said once, without credentials."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause).strip() or type(cause).__name__
        if not any(text in part for part in parts):
            parts.append(text)
        cause = cause.__cause__
    text = masked(": ".join(parts))
    return text if text.endswith(".") else f"{text}."
