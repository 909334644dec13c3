"""The one error that people are meant to read."""


class DenoiserError(Exception):
    """What went wrong, where, and what to do: shown to the user as it is, without a traceback.

    Raised for anything a user can mend (a setting, a file, a server); a bug raises something else.
    """
