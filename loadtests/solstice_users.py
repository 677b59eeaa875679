"""solstice's services as Locust users: Integration layer and Orchestrators, in two versions."""

from _gameday import users_of  # type: ignore[import-not-found]  # By its bare stem, as Locust does.

users_of("solstice", globals())
