"""The migration: the same Celery work on Redis and on RabbitMQ, and the way between them."""
