"""The one error that is meant for users."""


class DenoiserError(Exception):
    """What went wrong, where, and what to do. Users see the message without a traceback.

    Raised for anything a user can fix (a setting, a file, a server). A bug raises something else.
    """
