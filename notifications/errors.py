"""What a channel may answer instead of having sent something."""


class Refused(Exception):
    """This will never be taken: trying again is of no use."""


class NotNow(Exception):
    """This was not taken now and may be later; others may be taken."""


class Unreachable(Exception):
    """Nothing can be sent this way now, whatever it is."""
