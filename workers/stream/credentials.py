"""Credentials from files, read anew when the files change: whoever rotates a password restarts nothing."""

import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from pydantic import SecretStr

from topics.errors import ConfigError
from workers.security_section import Security

T = TypeVar("T")
SETTINGS = "settings: kafka.security"
_Stamp = tuple[int, int, int] | None

log = structlog.get_logger()


class Followed(Generic[T]):
    """A value that is read from files: called, it gives what they hold now.

    Reading is tried only when a file has changed, and a failure leaves the last good value in force, with a line in
    the log; the first time it raises ConfigError.
    """

    def __init__(self, read: Callable[[], T], files: Iterable[Path | None]) -> None:
        self._read = read
        self._files = tuple(file for file in files if file is not None)
        self._stamps = self._look()
        self._value = read()

    def __call__(self) -> T:
        # As it was before reading: what changes meanwhile is read the next time.
        stamps = self._look()
        if stamps == self._stamps:
            return self._value
        self._stamps = stamps
        try:
            self._value = self._read()
        except ConfigError as error:
            log.warning("credentials not read anew", reason=str(error))
        else:
            log.info("credentials read anew", files=[str(file) for file in self._files])
        return self._value

    def _look(self) -> tuple[_Stamp, ...]:
        return tuple(map(_stamp, self._files))


def _stamp(file: Path) -> _Stamp:
    """What changes when a file is written or replaced; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def secret(name: str, value: SecretStr | None, file: Path | None) -> Followed[str]:
    """A setting's secret: its value, or the content of its file without the line's end. Raises ConfigError."""

    def read() -> str:
        if file is None:
            return value.get_secret_value() if value else ""
        found = _text(f"{name}_file", file).rstrip("\r\n")
        if not found:
            raise ConfigError(f"{SETTINGS}.{name}_file: {file}: expected a secret, found an empty file")
        return found

    return Followed(read, [file])


def tls(security: Security) -> Followed[ssl.SSLContext]:
    """The TLS of `[kafka.security]`. Raises ConfigError for a file that is not there, or not what it must be."""
    files = (security.ca, security.certificate, security.key, security.key_password_file)
    return Followed(lambda: _context(security), files)


def trusting(name: str, ca: Path | None) -> ssl.SSLContext:
    """A client's context that trusts the certificates of a file, or whom the system trusts. Raises ConfigError."""
    if ca is None:
        return ssl.create_default_context()
    if "-----BEGIN CERTIFICATE-----" not in _text(name, ca):
        raise ConfigError(f"{SETTINGS}.{name}: {ca}: expected certificates in PEM")
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise ConfigError(f"{SETTINGS}.{name}: {ca}: expected certificates in PEM: {error.reason or error}") from None


def _context(security: Security) -> ssl.SSLContext:
    context = trusting("ca", security.ca)
    context.check_hostname = security.verify_hostname
    if security.certificate is not None:
        _load_chain(context, security, security.certificate)
    return context


def _load_chain(context: ssl.SSLContext, security: Security, certificate: Path) -> None:
    if "-----BEGIN CERTIFICATE-----" not in _text("certificate", certificate):
        raise ConfigError(f"{SETTINGS}.certificate: {certificate}: expected a certificate in PEM")
    name, key = ("key", security.key) if security.key else ("certificate", certificate)
    text = _text(name, key)
    if "PRIVATE KEY-----" not in text:
        hint = "" if security.key else " (or name its file: key)"
        raise ConfigError(f"{SETTINGS}.{name}: {key}: expected a private key in PEM{hint}")
    password = secret("key_password", security.key_password, security.key_password_file)()
    if "ENCRYPTED" in text and not password:
        raise ConfigError(f"{SETTINGS}.key_password: expected, because {key} is encrypted")
    try:
        # Never without a password: OpenSSL would ask for it on the terminal.
        context.load_cert_chain(certificate, key, password=password or "none")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(f"{SETTINGS}.{name}: {key}: {_key_wrong(error, certificate)}") from None


def _key_wrong(error: Exception, certificate: Path) -> str:
    reason = str(getattr(error, "reason", None) or error)
    if reason == "KEY_VALUES_MISMATCH":
        return f"expected the private key of the certificate {certificate}, found another's"
    if any(word in reason.lower().replace("_", " ") for word in ("decrypt", "password", "passphrase")):
        return "expected another key_password: it does not open the key"
    return f"expected a private key in PEM: {reason}"


def _text(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{SETTINGS}.{name}: {file}: expected a file that we may read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{SETTINGS}.{name}: {file}: expected text, found other bytes") from None
