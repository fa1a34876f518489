"""What can go wrong, by what is to be done about it."""


class InvalidRecord(Exception):
    """A record that no retry will make readable: it goes to the dead letters.

    `reason` is one of a small fixed set (`REASONS`), fit for a metric label; `message` is for people and may
    quote the record. `brief` is the message as far as it quotes nobody: what a log says.
    """

    def __init__(self, reason: str, message: str, brief: str | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.brief = message if brief is None else brief

    def __reduce__(self) -> tuple[type["InvalidRecord"], tuple[str, str, str]]:
        return type(self), (self.reason, self.message, self.brief)


class TransientError(Exception):
    """It may work the next time: retried with backoff by the adapter that raised it."""


class ConfigError(Exception):
    """A setting, watchlist or topic that is wrong. The message says where, and what was expected."""


REASONS = (
    "empty_value",
    "too_large",
    "invalid_utf8",
    "not_json",
    "too_deep",
    "schema_registry",
    "wrong_type",
    "no_text",
    "output_too_large",
    "worker_crash",
    "refused",
)
"""Every reason for a dead letter."""
