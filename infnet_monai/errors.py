"""The one exception for what a user can mend."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one line that names the offending file or value, what was expected and the remedy. Commands and
    bundle runs print it without a traceback and end with a non-zero status; a batch goes on with the next scan.
    """
