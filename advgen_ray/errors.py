"""The one exception that means: the user can mend this, and one line tells how."""


class UserError(ValueError):
    """A user's mistake: names the value, what was expected and the usual fix; a job exits with code 2."""
