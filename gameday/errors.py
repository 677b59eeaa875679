"""The harness's own errors.

Three kinds of trouble are kept apart: the broker failing is data (an outcome in the history),
the harness failing to do its job is `HarnessError` and makes the run unknown, and a broken
invariant of ours is an assertion.
"""


class HarnessError(Exception):
    """The harness could not do its job: what happened then proves nothing about the broker."""


class UnansweredError(HarnessError):
    """A node that takes questions gave no answer in time: it may be the broker that is down."""


class UsageError(Exception):
    """The user asked for something that cannot be; the text says what, where and what to do."""


class PrepareError(HarnessError):
    """The harness could not prepare a run, or could not restore what it had changed."""
