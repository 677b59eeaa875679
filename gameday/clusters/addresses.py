"""Where a local cluster listens, and by which URLs, administrator's or clients', it is reached."""

from urllib.parse import quote

from gameday import secured
from gameday.clusters.cluster import CLIENT_DOORS, Address, Door, NodeAddresses
from gameday.clusters.inetrc import erlang_name
from gameday.clusters.links import LocalLinks
from gameday.clusters.ports import LOOPBACK
from gameday.clusters.tls import authority_of


class LocalAddresses(LocalLinks):
    """The addresses of a local cluster; its links know where its doors are."""

    @property
    def username(self) -> str:
        """The administrator's name."""
        return self._record.username

    @property
    def password(self) -> str:
        """The administrator's password."""
        return self._record.password

    def addresses(self, node: str) -> NodeAddresses:
        """Return where a node listens."""
        ports = self._record.ports
        number = int(node.removeprefix("r"))
        authority = authority_of(self._record)
        return NodeAddresses(
            name=node,
            erlang_name=erlang_name(number),
            client=Address(LOOPBACK, ports.client(number), authority),
            direct=Address(LOOPBACK, ports.amqp(number), authority),
            management=Address(LOOPBACK, ports.management(number), authority),
        )

    def amqp_url(
        self, node: str, vhost: str, door: Door = "clients", user: tuple[str, str] | None = None
    ) -> str:
        """Return the URL by which clients reach the node, through Toxiproxy."""
        own = user or (self.username, self.password)
        return self.url_at(self.door_address(node, door), vhost, own)

    def balanced_address(self, door: Door) -> Address:
        """Return where the balancer takes one kind of clients, where there is one."""
        port = self._record.ports.balanced(CLIENT_DOORS.index(door) + 1)
        return Address(LOOPBACK, port, authority_of(self._record))

    def url_at(self, where: Address, vhost: str, user: tuple[str, str]) -> str:
        """Return the URL, password included, by which a user reaches an address."""
        name, password = user
        credentials = f"{quote(name, safe='')}:{quote(password, safe='')}"
        scheme, query = "amqp", ""
        if where.authority:
            scheme, query = "amqps", secured.query(where.authority)
        return f"{scheme}://{credentials}@{where}/{quote(vhost, safe='')}{query}"

    def management_url(self, node: str) -> str:
        """Return the URL of the node's management API, without the password."""
        scheme = "https" if self._record.tls else "http"
        return f"{scheme}://{self.addresses(node).management}"
