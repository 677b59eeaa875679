"""How faults of one host are undone, from the journal alone: the host's user is deleted."""

from chaos.revert import Recipe, Seen, Target, Values
from gameday.clusters.management import ManagementError

MISSING = 404


def drop_user(cluster: Target, values: Values) -> None:
    """Delete the user; harmless when there is none."""
    try:
        cluster.management(values["node"]).delete(f"/api/users/{values['user']}")
    except ManagementError as error:
        if error.status != MISSING:
            raise


def user_gone(cluster: Target, values: Values) -> Seen:
    """See the broker know no such user."""
    try:
        cluster.management(values["node"]).get(f"/api/users/{values['user']}")
    except ManagementError as error:
        return Seen(error.status == MISSING, {"status": error.status})
    return Seen(yes=False, evidence={"user": "still there"})


RECIPES: dict[str, Recipe] = {"drop_user": Recipe(drop_user, user_gone, 15, drop_user)}
