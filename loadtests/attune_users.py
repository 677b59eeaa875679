"""attune's services as Locust users: api, sensor and worker, and whoever handles what they send."""

from _gameday import users_of  # type: ignore[import-not-found]  # By its bare stem, as Locust does.

users_of("attune", globals())
