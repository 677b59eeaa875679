"""veza's services as Locust users: the API's event buses, the digest job and their workers."""

from _gameday import users_of  # type: ignore[import-not-found]  # By its bare stem, as Locust does.

users_of("veza", globals())
