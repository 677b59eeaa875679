"""Celery's side of the migration: one application, wired to Redis or to RabbitMQ."""
