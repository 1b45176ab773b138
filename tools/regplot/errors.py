"""The one exception: its kind gives the exit code, as in the other tools (regkit(1), Exit status)."""


class Error(Exception):
    code = 1


class IoError(Error):
    """Input or output failed, or something that is needed is not installed."""
    code = 1


class UsageError(Error):
    """The command line makes no sense."""
    code = 2


class InputError(Error):
    """An input is bad."""
    code = 3


class MismatchError(Error):
    """Inputs do not belong together."""
    code = 4
