"""sparki's services as Locust users: api-engine, deploy-loco, the notifier and their workers."""

from _gameday import users_of  # type: ignore[import-not-found]  # By its bare stem, as Locust does.

users_of("sparki", globals())
