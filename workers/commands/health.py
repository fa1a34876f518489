"""`wirewatch health`: what a container's health check runs."""

import http.client
from typing import TYPE_CHECKING, Annotated

import typer

from workers.commands.options import Config, Port, load
from workers.commands.running import CommandFailed

if TYPE_CHECKING:
    from workers.settings import Settings

_LIMIT = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def health_command(
    config: Config = None,
    port: Port = None,
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether it is ready, not only alive.")] = False,
) -> None:
    """Ask the worker beside this command whether it is alive. 1, and why, if it is not.

    Its port is that of the settings: set WIREWATCH_PORT rather than the worker's flag.
    """
    chosen = load(config, port=port)
    if chosen.port == 0:
        raise typer.BadParameter(
            "the worker picks its own: set WIREWATCH_PORT for both, or give --port", param_hint="port 0"
        )
    answer = ask(chosen, "/readyz" if ready else "/livez")
    print(answer)


def ask(settings: "Settings", path: str) -> str:
    """What the worker of these settings answers to a probe. Raises CommandFailed unless all is well."""
    host = _ANY.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=_LIMIT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise CommandFailed(f"no answer from {host}:{settings.port}{path}: {error}") from None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise CommandFailed(f"{path}: {said}")
    return said
