"""evaluations's services as Locust users: the dispatcher, and in a bare load test its workers."""

from _gameday import users_of  # type: ignore[import-not-found]  # By its bare stem, as Locust does.

users_of("evaluations", globals())
