"""The services of a system that has no file of its own here, such as one given by its path."""

from _gameday import (  # type: ignore[import-not-found]  # By its bare stem, as Locust does.
    users_without_a_file,
)

users_without_a_file(globals())
