"""From one version of the broker to the next, rehearsed under load: `gameday upgrade`."""
