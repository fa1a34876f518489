"""A real broker that lets nobody in unknown, and lets the known do only what they were allowed.

Over the plain listener (`Secured.bootstrap`) everybody is a super user: tests administer by it, as they do any
other cluster. Nothing is allowed by the other two listeners until `allow` says so:

- `sasl_ssl`: TLS, with SCRAM-SHA-256, SCRAM-SHA-512 (users by `set_password`, at any time), PLAIN (`PLAIN_USER`) and
  OAUTHBEARER (unsigned tokens: `tests.kafka.oauth`);
- `ssl`: TLS with a client's certificate (`client`), whose common name is the user.

Everything here is synchronous; a test with a running event loop calls it by `asyncio.to_thread`.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import admin

from tests.kafka import broker
from tests.kafka.broker import Cluster, free_ports
from tests.kafka.certificates import Authority, Pair
from tests.kafka.jars import Kafka

PLAIN_USER, PLAIN_PASSWORD = "plain", "plain-password"
"""The one user of the mechanism PLAIN: the broker keeps those in its configuration."""
_api: Any = admin  # what it is made of is only half typed
_MECHANISMS = {
    "SCRAM-SHA-256": _api.ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": _api.ScramMechanism.SCRAM_SHA_512,
}
_MODULES = "org.apache.kafka.common.security"
TIMEOUT = 20.0


class Secured:
    """One secured broker. `cluster` is the broker itself, to be stopped and started, `authority` who made its TLS."""

    def __init__(self, cluster: Cluster, ports: Mapping[str, int], authority: Authority) -> None:
        self.cluster = cluster
        self.authority = authority
        self.sasl_ssl = f"localhost:{ports['SASL_SSL']}"
        self.ssl = f"localhost:{ports['SSL']}"

    @property
    def bootstrap(self) -> str:
        """The plain listener, where everybody may do everything."""
        return self.cluster.bootstrap

    @property
    def ca(self) -> Path:
        return self.authority.ca

    def client(self, user: str) -> Pair:
        """A certificate for a user of the `ssl` listener."""
        return self.authority.issue(user)

    def set_password(self, user: str, password: str, *mechanisms: str) -> None:
        """Make a SCRAM user, or change the password; by default of SCRAM-SHA-256 and SCRAM-SHA-512 both.

        Connections that are open stay so: `cluster.brokers[0].stop()` and `start()` ends them.
        """
        for name in mechanisms or tuple(_MECHANISMS):
            credential = _api.ScramCredentialInfo(_MECHANISMS[name], 4096)
            change = _api.UserScramCredentialUpsertion(user, credential, password.encode())
            self._done("alter_user_scram_credentials", [change])

    def remove_user(self, user: str, mechanism: str) -> None:
        """Forget a SCRAM user."""
        change = _api.UserScramCredentialDeletion(user, _MECHANISMS[mechanism])
        self._done("alter_user_scram_credentials", [change])

    def allow(self, user: str, *operations: str, **resource: Any) -> None:
        """Let a user do operations (`"READ"`, `"WRITE"`, `"DESCRIBE"`, `"CREATE"` …) on one resource.

        It is `topic=NAME` or `group=NAME`, with `prefixed=True` all whose names begin so (`""` for all there are), or
        `transactional_id=NAME`, or nothing for the cluster.
        """
        self._change(user, operations, _api.AclPermissionType.ALLOW, **resource)

    def deny(self, user: str, *operations: str, **resource: Any) -> None:
        """The reverse of `allow`, and stronger."""
        self._change(user, operations, _api.AclPermissionType.DENY, **resource)

    def undo(self, user: str, *operations: str, **resource: Any) -> None:
        """Take a `deny` back."""
        self._change(user, operations, _api.AclPermissionType.DENY, undo=True, **resource)

    def allow_all(self, user: str) -> None:
        """Let a user do everything with every topic and group, and with the cluster."""
        self.allow(user, "ALL", topic="*")
        self.allow(user, "ALL", group="*")
        self.allow(user, "ALL")

    def remove(self, user: str) -> None:
        """Forget all that a user was allowed or denied."""
        every = _api.AclBindingFilter(
            _api.ResourceType.ANY,
            None,
            _api.ResourcePatternType.ANY,
            f"User:{user}",
            None,
            _api.AclOperation.ANY,
            _api.AclPermissionType.ANY,
        )
        self._done("delete_acls", [every])

    def _change(
        self,
        user: str,
        operations: tuple[str, ...],
        permission: Any,
        *,
        topic: str | None = None,
        group: str | None = None,
        transactional_id: str | None = None,
        prefixed: bool = False,
        undo: bool = False,
    ) -> None:
        kind, name = _api.ResourceType.BROKER, "kafka-cluster"
        for value, its in (
            (topic, _api.ResourceType.TOPIC),
            (group, _api.ResourceType.GROUP),
            (transactional_id, _api.ResourceType.TRANSACTIONAL_ID),
        ):
            if value is not None:
                kind, name = its, value
        pattern = _api.ResourcePatternType.PREFIXED if prefixed and name else _api.ResourcePatternType.LITERAL
        binding = _api.AclBindingFilter if undo else _api.AclBinding
        made = [
            binding(kind, name or "*", pattern, f"User:{user}", "*", _api.AclOperation[operation], permission)
            for operation in operations
        ]
        self._done("delete_acls" if undo else "create_acls", made)

    def _done(self, what: str, changes: list[Any]) -> None:
        client = _api.AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})  # what it began ends with it
        for future in getattr(client, what)(changes).values():
            future.result(TIMEOUT)


@contextlib.contextmanager
def running(kafka: Kafka, folder: Path, *, properties: Mapping[str, str] | None = None) -> Iterator[Secured]:
    """A started secured broker, ended whatever happens. Raises `certificates.OpensslUnavailable`."""
    folder.mkdir(parents=True)
    authority = Authority(folder / "certificates")
    own = authority.issue("broker", hosts="DNS:localhost,IP:127.0.0.1")
    keystore = folder / "broker.pem"
    keystore.write_bytes(b"".join(part.read_bytes() for part in (own.key, own.certificate, authority.ca)))
    ports = dict(zip(("SASL_SSL", "SSL"), free_ports(2), strict=True))
    settings = _properties(keystore, authority.ca) | dict(properties or {})
    with broker.running(kafka, folder / "cluster", properties=settings, more=ports) as cluster:
        yield Secured(cluster, ports, authority)


def _properties(keystore: Path, ca: Path) -> dict[str, str]:
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "SASL_SSL": "SASL_SSL", "SSL": "SSL"}
    sasl = "listener.name.sasl_ssl"
    return {
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS;User:admin",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca),
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]*).*$/$1/",
        "listener.name.ssl.ssl.client.auth": "required",
        f"{sasl}.ssl.client.auth": "none",
        f"{sasl}.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER",
        f"{sasl}.scram-sha-256.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
        f"{sasl}.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
        f"{sasl}.plain.sasl.jaas.config": (
            f'{_MODULES}.plain.PlainLoginModule required user_{PLAIN_USER}="{PLAIN_PASSWORD}";'
        ),
        f"{sasl}.oauthbearer.sasl.jaas.config": f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;",
    }
