"""One suite on several versions of the broker, side by side."""
