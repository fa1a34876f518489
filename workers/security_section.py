"""`[kafka.security]`: how we prove who we are to the brokers, and they to us.

Files (`ca`, `certificate`, `key`, `*_file`) are read when a client is made, and again when they change.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class _Table(BaseModel):
    # What was given is not repeated in errors: it may be a secret in the wrong place.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class OAuth(_Table):
    """The client credentials grant (RFC 6749, 4.4). `extra` are further fields of the request, such as `audience`."""

    token_url: str = Field(default="", pattern=r"^$|^https?://[^\s@]+$")
    client_id: str = Field(default="", pattern="^[^:]*$")
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scope: str = ""
    extra: Mapping[str, str] = {}
    ca: Path | None = None
    """Who vouches for the endpoint's certificate; by default whom the system trusts."""


class Security(_Table):
    """What is not said follows from the rest: see `protocol_used` and `mechanism_used`."""

    protocol: Protocol | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password: SecretStr | None = None
    key_password_file: Path | None = None
    verify_hostname: bool = True
    mechanism: Mechanism | None = None
    username: str = ""
    password: SecretStr | None = None
    password_file: Path | None = None
    oauth: OAuth = OAuth()
    token_provider: str = Field(default="", pattern=r"^$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    """`module:function` of your own, which returns a token; it may be a coroutine function."""

    @property
    def mechanism_used(self) -> Mechanism | None:
        """That of SASL; None without SASL. Who asks for tokens wants OAUTHBEARER."""
        return self.mechanism or ("OAUTHBEARER" if self.oauth.token_url or self.token_provider else None)

    @property
    def protocol_used(self) -> Protocol:
        """Passwords and tokens go over TLS unless told otherwise; TLS without SASL where a file of its is named."""
        if self.protocol:
            return self.protocol
        if self.mechanism_used:
            return "SASL_SSL"
        return "SSL" if self.ca or self.certificate else "PLAINTEXT"

    @property
    def tls(self) -> bool:
        return self.protocol_used in ("SSL", "SASL_SSL")

    @model_validator(mode="after")
    def _fits(self) -> "Security":
        for problem in (self._secrets_wrong(), self._tls_wrong(), self._sasl_wrong(), self._oauth_wrong()):
            if problem:
                raise ValueError(problem)
        return self

    def _secrets_wrong(self) -> str | None:
        pairs: dict[str, tuple[Any, Any]] = {
            "password": (self.password, self.password_file),
            "key_password": (self.key_password, self.key_password_file),
            "oauth.client_secret": (self.oauth.client_secret, self.oauth.client_secret_file),
        }
        for name, (value, file) in pairs.items():
            if value is not None and file is not None:
                return f"{name}, {name}_file: expected one of the two, found both"
        return None

    def _tls_wrong(self) -> str | None:
        if self.key and not self.certificate:
            return "certificate: expected, because there is a key"
        if (self.key_password or self.key_password_file) and not self.certificate:
            return "certificate: expected, because there is a key_password"
        named = [name for name in ("ca", "certificate") if getattr(self, name)]
        if named and not self.tls:
            return f"protocol: expected SSL or SASL_SSL, because there is a {named[0]}; found {self.protocol_used}"
        return None

    def _sasl_wrong(self) -> str | None:
        mechanism, sasl = self.mechanism_used, self.protocol_used.startswith("SASL_")
        if sasl and not mechanism:
            return "mechanism: expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
        if mechanism and not sasl:
            return f"protocol: expected SASL_SSL or SASL_PLAINTEXT, because of the mechanism; found {self.protocol}"
        given = bool(self.username or self.password or self.password_file)
        if not mechanism:
            return "mechanism: expected, because there is a username or password" if given else None
        return _tokens_wrong(given) if mechanism == "OAUTHBEARER" else self._user_wrong(mechanism)

    def _user_wrong(self, mechanism: str) -> str | None:
        if not self.username:
            return f"username: expected, because mechanism is {mechanism}"
        if self.password is None and self.password_file is None:
            return f"password or password_file: expected, because mechanism is {mechanism}"
        return None

    def _oauth_wrong(self) -> str | None:
        oauth = self.oauth
        if self.mechanism_used != "OAUTHBEARER":
            given = oauth.token_url or oauth.client_id or self.token_provider
            return "mechanism: expected OAUTHBEARER, because of oauth or token_provider" if given else None
        if bool(oauth.token_url) == bool(self.token_provider):
            return "oauth.token_url or token_provider: expected one of the two, because mechanism is OAUTHBEARER"
        if oauth.token_url and not oauth.client_id:
            return "oauth.client_id: expected, because there is a token_url"
        if oauth.token_url and oauth.client_secret is None and oauth.client_secret_file is None:
            return "oauth.client_secret or oauth.client_secret_file: expected, because there is a token_url"
        return None


def _tokens_wrong(user: bool) -> str | None:
    return "username, password: not expected with the mechanism OAUTHBEARER" if user else None
