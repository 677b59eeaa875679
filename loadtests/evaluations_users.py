"""The evaluation platform as Locust users: its API, its evaluators, and who stores the endings."""

from _gameday import users_of  # type: ignore[import-not-found]  # By its bare stem, as Locust does.

users_of("evaluations", globals())
