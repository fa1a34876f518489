"""The `wirewatch` command: the composition root. Everything is built here and handed down.

What a command needs is imported when it runs: see `workers.commands.options`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from topics.errors import ConfigError
from workers.commands import dlq, gazetteer, sources, topics, watchlists
from workers.commands.annotate import annotate_command
from workers.commands.check import check_command
from workers.commands.demo import demo_command
from workers.commands.health import health_command
from workers.commands.options import (
    EXIT_CONFIG,
    EXIT_PROBLEMS,
    Brokers,
    Config,
    Entities,
    GazetteerFile,
    Group,
    LogFormat,
    LogLevel,
    Model,
    Port,
    Prefix,
    Processes,
    SourcesFile,
    Watchlists,
    load,
    logging,
    section,
)
from workers.commands.publish import publish_command
from workers.commands.resume import resume_command
from workers.commands.running import CommandFailed, not_started
from workers.commands.tail import tail_command
from workers.commands.trace import trace_command

if TYPE_CHECKING:
    from workers.settings import Settings

Supervise = Annotated[bool, typer.Option(help="Restart the worker when it ends itself.")]
Worker = Callable[["Settings", Any, asyncio.Event], Awaitable[None]]

app = typer.Typer(
    name="wirewatch",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Start with: wirewatch demo",
)


def _version(asked: bool) -> None:
    if asked:
        from workers.version import this_version

        print(f"wirewatch {this_version()}")
        raise typer.Exit


@app.callback()
def _wirewatch(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which this is.")
    ] = False,
) -> None:
    """Watch a stream of news: whom and what it names, which rules it meets, one alert a story."""


def supervised(chosen: "Settings") -> NoReturn:
    """Run this same command as a child that is restarted when it ends itself."""
    from workers import logs
    from workers.supervisor import supervise

    logs.setup(format=chosen.log_format, level=chosen.log_level)
    arguments = [argument for argument in sys.argv[1:] if argument != "--supervise"]
    raise typer.Exit(supervise([sys.executable, "-m", "workers.cli", *arguments, "--no-supervise"]))


def serve(chosen: "Settings", worker: Worker, *, drain: float, supervise: bool) -> None:
    """Run a worker until SIGTERM or SIGINT; a second signal ends it at once."""
    if supervise:
        supervised(chosen)
    from prometheus_client import CollectorRegistry

    from workers import garbage, logs
    from workers.metrics import Metrics
    from workers.stopping import stopping_by_signal
    from workers.stream.pool import PoolBroken
    from workers.supervisor import follow_supervisor

    logs.setup(format=chosen.log_format, level=chosen.log_level)
    garbage.look_rarely()
    restarts = follow_supervisor()

    async def main() -> None:
        stopping = stopping_by_signal(drain=drain)
        metrics = Metrics(CollectorRegistry())
        metrics.restarts.inc(restarts)
        await worker(chosen, metrics, stopping)

    try:
        asyncio.run(main())
    except PoolBroken as error:
        raise not_started(str(error)) from None


@app.command(epilog="Example: wirewatch enrich --brokers kafka:9092 --watchlist rules/ --port 9464")
def enrich(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    watchlist: Watchlists = None,
    sources: SourcesFile = None,
    gazetteer: GazetteerFile = None,
    model: Model = None,
    entities: Entities = None,
    processes: Processes = None,
    inputs: Annotated[
        list[str] | None, typer.Option("--input", metavar="TOPIC", help="A topic of raw articles; repeatable.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="earliest|latest|TIME|-2h", help="Where a group without offsets begins. [default: earliest]"
        ),
    ] = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    supervise: Supervise = False,
) -> None:
    """Raw articles in; enriched articles, hits and dead letters out."""
    chosen = load(
        config,
        brokers=brokers,
        prefix=prefix,
        group=group,
        port=port,
        watchlists=watchlist,
        sources_file=sources,
        gazetteer_file=gazetteer,
        model=model,
        input=[{"topics": [topic]} for topic in inputs or ()],
        start=start,
        **logging(log_level, log_format),
        enrich=section(processes=processes, entities=entities),
    )

    async def worker(chosen: "Settings", metrics: Any, stopping: asyncio.Event) -> None:
        from workers import telemetry
        from workers.enrich import Enrich

        async with telemetry.exporting("enrich") as spans:
            await Enrich(chosen, metrics=metrics, stopping=stopping, spans=spans).run()

    serve(chosen, worker, drain=chosen.enrich.drain, supervise=supervise)


@app.command()
def alert(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    supervise: Supervise = True,
) -> None:
    """Hits in; one alert a story and desk out."""
    chosen = load(config, brokers=brokers, prefix=prefix, group=group, port=port, **logging(log_level, log_format))
    if supervise:
        supervised(chosen)
    from workers import logs
    from workers.alert import main

    logs.setup(format=chosen.log_format, level=chosen.log_level)
    raise typer.Exit(main(chosen))


@app.command()
def deliver(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    supervise: Supervise = False,
) -> None:
    """Alerts in; out to people, chats and topics.

    Who gets which is said by [[deliver.route]] in the settings.
    """
    chosen = load(config, brokers=brokers, prefix=prefix, group=group, port=port, **logging(log_level, log_format))

    async def worker(chosen: "Settings", metrics: Any, stopping: asyncio.Event) -> None:
        from workers import deliver, telemetry

        async with telemetry.exporting("deliver") as spans:
            await deliver.run(chosen, metrics, stopping, spans=spans)

    serve(chosen, worker, drain=chosen.deliver.drain, supervise=supervise)


app.command("demo", epilog="Example: wirewatch demo --watchlist mine.yaml   (edit and save mine.yaml while it runs)")(
    demo_command
)
app.command("publish", epilog="Example: wirewatch publish articles.jsonl --rate 50")(publish_command)
app.command("tail", epilog="Example: wirewatch tail alerts --from-beginning --json | jq .value.article.title")(
    tail_command
)
app.command("trace", epilog="Example: wirewatch trace https://news.example/a-story --since 2d")(trace_command)
app.command("annotate", epilog="Example: wirewatch annotate articles.jsonl > enriched.jsonl")(annotate_command)
app.command("check", epilog="Example: wirewatch check --config wirewatch.toml --worker enrich")(check_command)
app.command("resume", epilog="Example: wirewatch resume news.raw/2")(resume_command)
app.command("health", epilog="Example: WIREWATCH_PORT=9464 wirewatch health --ready")(health_command)
app.add_typer(topics.app, name="topics")
app.add_typer(watchlists.app, name="watchlists")
app.add_typer(sources.app, name="sources")
app.add_typer(gazetteer.app, name="gazetteer")
app.add_typer(dlq.app, name="dlq")


def fail(message: str, code: int) -> NoReturn:
    """End with a message for people on stderr."""
    from alerts.plain import plain

    print(f"wirewatch: {plain(message, lines=True)}", file=sys.stderr)
    raise SystemExit(code)


def main() -> None:
    """The entry point: what goes wrong is a message and an exit code, never a traceback."""
    if os.getpid() == 1:  # a container's first process is told to stop in vain unless it listens; workers do
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except ConfigError as error:
        fail(str(error), EXIT_CONFIG)
    except CommandFailed as error:
        fail(str(error), EXIT_PROBLEMS)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
