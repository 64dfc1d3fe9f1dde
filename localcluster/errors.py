"""The one family of errors that a person at the command line is told in words."""


class LocalClusterError(Exception):
    """Something anticipated went wrong; the text says what, and what to do."""
