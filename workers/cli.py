"""The `wirewatch` command: the composition root. Everything is built here and handed down."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from alerts.plain import plain
from topics.errors import ConfigError
from workers import logs, settings
from workers.settings import Settings

EXIT_PROBLEMS = 1
EXIT_CONFIG = 78

app = typer.Typer(
    name="wirewatch", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)

Brokers = Annotated[str | None, typer.Option("--brokers", metavar="HOST:PORT[,…]", help="The Kafka cluster.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="What our topics' names begin with (news).")]
Config = Annotated[Path | None, typer.Option("--config", help="The settings' file (wirewatch.toml).")]
Port = Annotated[int | None, typer.Option("--port", help="For /metrics, /livez and /readyz; 0 picks a free one.")]
Group = Annotated[str | None, typer.Option("--group", help="What our consumer groups' names begin with.")]
Watchlist = Annotated[
    list[Path] | None, typer.Option("--watchlist", "-w", help="A watchlist, or a folder of them; repeatable.")
]
Model = Annotated[str | None, typer.Option("--model", help="A spaCy pipeline (installed, or a folder), or none.")]
Processes = Annotated[int | None, typer.Option("--processes", help="Pool processes; 0: as the machine allows.")]
Inputs = Annotated[list[str] | None, typer.Option("--input", help="A topic of raw articles; repeatable.")]


def load(config: Path | None, **flags: Any) -> Settings:
    """The settings of a command's flags."""
    if config is not None:
        if not config.is_file():
            raise ConfigError(f"{config}: no such file")
        os.environ["WIREWATCH_CONFIG"] = str(config)
    return settings.load(**{name: value for name, value in flags.items() if value not in (None, [], {})})


def section(**values: Any) -> dict[str, Any]:
    """A table of the settings, of the flags that were given."""
    return {name: value for name, value in values.items() if value is not None}


def serve(chosen: Settings, worker: "Callable[[Settings, Any, asyncio.Event], Awaitable[None]]") -> None:
    """Run a worker until SIGTERM or SIGINT; a second signal ends it at once."""
    from workers.metrics import Metrics

    logs.setup(format=chosen.log_format, level=chosen.log_level)

    async def main() -> None:
        stopping = asyncio.Event()

        def stop() -> None:
            if stopping.is_set():
                os._exit(130)
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        await worker(chosen, Metrics(CollectorRegistry()), stopping)

    asyncio.run(main())


@app.command()
def enrich(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    watchlist: Watchlist = None,
    model: Model = None,
    processes: Processes = None,
    inputs: Inputs = None,
) -> None:
    """Raw articles in; enriched articles, hits and dead letters out."""
    from workers.enrich import Enrich

    chosen = load(
        config,
        brokers=brokers,
        prefix=prefix,
        group=group,
        port=port,
        watchlists=watchlist,
        model=model,
        input_topics=inputs,
        enrich=section(processes=processes),
    )

    async def worker(chosen: Settings, metrics: Any, stopping: asyncio.Event) -> None:
        await Enrich(chosen, metrics=metrics, stopping=stopping).run()

    serve(chosen, worker)


@app.command()
def alert(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    supervise: Annotated[bool, typer.Option(help="Restart the worker when it ends itself.")] = True,
) -> None:
    """Hits in; one alert a story and desk out."""
    chosen = load(config, brokers=brokers, prefix=prefix, group=group, port=port)
    logs.setup(format=chosen.log_format, level=chosen.log_level)
    if supervise:
        from workers.supervisor import supervise as run

        raise typer.Exit(run([sys.executable, "-m", "workers.cli", *sys.argv[1:], "--no-supervise"]))
    from workers.alert import main

    raise typer.Exit(main(chosen))


@app.command()
def deliver(
    brokers: Brokers = None, prefix: Prefix = None, group: Group = None, config: Config = None, port: Port = None
) -> None:
    """Alerts in; to people, chats and topics out, as the settings' routes say."""
    from workers import deliver as worker

    serve(load(config, brokers=brokers, prefix=prefix, group=group, port=port), worker.run)


def _watchlists_and_more() -> None:
    """Attach the commands that live in modules of their own."""
    from workers.commands import dlq_cli, tools_cli, topics_cli, watchlists_cli

    tools_cli.attach(app)
    app.add_typer(topics_cli.app, name="topics")
    app.add_typer(watchlists_cli.app, name="watchlists")
    app.add_typer(dlq_cli.app, name="dlq")


def fail(message: str, code: int) -> NoReturn:
    """End with a message for people on stderr."""
    print(f"wirewatch: {plain(message, lines=True)}", file=sys.stderr)
    raise SystemExit(code)


def main() -> None:
    """The entry point: what goes wrong is a message and an exit code, never a traceback."""
    _watchlists_and_more()
    try:
        app()
    except ConfigError as error:
        fail(str(error), EXIT_CONFIG)
    except KafkaError as error:
        fail(f"Kafka: {error}", EXIT_PROBLEMS)
    except BrokenPipeError:
        os._exit(0)  # the reader (head, say) has enough
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
