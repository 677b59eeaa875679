"""sparki's services as Locust users: api-engine, deploy-loco, the notifier and their workers."""

from _gameday import users_of

users_of("sparki", globals())
