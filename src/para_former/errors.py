"""The one exception that means "the input is wrong", not "the program is wrong".

The command line prints it as a single line and exits with code 2; a traceback appears only with ``--debug``.
A message names the file or value, what was expected and what was found.
"""


class InputError(ValueError):
    """A value, file or folder given by the user cannot be used."""
