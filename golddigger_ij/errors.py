"""The one exception that a user should ever see."""


class GoldDiggerError(Exception):
    """Something that the user can put right.

    The message is one line: which file or option, what is wrong with it, and what to do. The command line prints
    it without a traceback, and the engine service hands it to ImageJ as text.
    """
