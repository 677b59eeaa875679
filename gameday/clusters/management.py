"""RabbitMQ's management API, with time limits and without surprises.

Every call has a limit and raises on a status of 400 and more. The user's own proxy settings and
netrc are not looked at. Its counts are some seconds old: facts that decide anything come from
`broker.py` instead.
"""

from typing import Any

import requests

from gameday.errors import HarnessError

CONNECT_LIMIT_S = 2.0
LARGE_LIMIT_S = 60.0
"""For what every node has a part in, such as a virtual host: on a busy machine it takes long."""


class ManagementError(HarnessError):
    """The management API did not do what was asked; `body` is what it said of it, if JSON."""

    def __init__(
        self, message: str, status: int | None = None, body: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class Management:
    """One node's management API; with `authority`, a file, by HTTPS to whom that vouches for."""

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        *,
        limit_s: float = 5,
        authority: str | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._credentials = (username, password)
        self._limit_s = limit_s
        self._verify: str | bool = authority or True

    def get(self, path: str) -> Any:
        """Return what the API answers for a path such as `/api/overview`."""
        return self._call("GET", path)

    def put(self, path: str, body: object = None, *, limit_s: float | None = None) -> Any:
        """Create or change something; what is large may take longer than other calls."""
        return self._call("PUT", path, {} if body is None else body, limit_s=limit_s)

    def post(self, path: str, body: object = None, *, limit_s: float | None = None) -> Any:
        """Post something; what is large may take longer than other calls."""
        return self._call("POST", path, {} if body is None else body, limit_s=limit_s)

    def delete(self, path: str, *, limit_s: float | None = None) -> Any:
        """Delete something; what is large may take longer than other calls."""
        return self._call("DELETE", path, limit_s=limit_s)

    def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        limit_s: float | None = None,
    ) -> Any:
        """Make one call."""
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    method,
                    self._url + path,
                    json=body,
                    auth=self._credentials,
                    verify=self._verify,
                    timeout=(CONNECT_LIMIT_S, limit_s or self._limit_s),
                )
        except requests.RequestException as error:
            reason = type(error).__name__
            raise ManagementError(f"{method} {self._url}{path}: {reason}") from error
        if answer.status_code >= 400:
            text = f"{method} {self._url}{path}: {answer.status_code} {answer.text[:600]}"
            raise ManagementError(text, answer.status_code, _json_of(answer))
        return answer.json() if answer.content else None


def _json_of(answer: requests.Response) -> dict[str, Any] | None:
    """Return the object that a refusal carries, none when it carries something else."""
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
