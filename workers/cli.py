"""The `wirewatch` command: the composition root. Everything is built here and handed down."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NoReturn

import typer
from aiokafka.errors import KafkaError

from alerts.plain import plain
from topics.errors import ConfigError
from workers import logs
from workers.commands import dlq, topics, watchlists
from workers.commands.annotate import annotate_command
from workers.commands.demo import demo_command
from workers.commands.options import (
    EXIT_CONFIG,
    EXIT_PROBLEMS,
    Brokers,
    Config,
    Group,
    Model,
    Port,
    Prefix,
    Processes,
    Watchlists,
    load,
    section,
)
from workers.commands.publish import publish_command
from workers.commands.tail import tail
from workers.settings import Settings

Supervise = Annotated[bool, typer.Option(help="Restart the worker when it ends itself.")]
Worker = Callable[[Settings, Any, asyncio.Event], Awaitable[None]]

app = typer.Typer(
    name="wirewatch",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Watch a stream of news: who and what it names, which rules it meets, one alert a story.",
)


def supervised(chosen: Settings) -> NoReturn:
    """Run this same command as a child that is restarted when it ends itself."""
    from workers.supervisor import follow_supervisor, supervise

    logs.setup(format=chosen.log_format, level=chosen.log_level)
    follow_supervisor()  # the demo supervises us
    arguments = [argument for argument in sys.argv[1:] if argument != "--supervise"]
    raise typer.Exit(supervise([sys.executable, "-m", "workers.cli", *arguments, "--no-supervise"]))


def serve(chosen: Settings, worker: Worker, *, supervise: bool) -> None:
    """Run a worker until SIGTERM or SIGINT; a second signal ends it at once."""
    if supervise:
        supervised(chosen)
    from prometheus_client import CollectorRegistry

    from workers.metrics import Metrics
    from workers.supervisor import follow_supervisor

    logs.setup(format=chosen.log_format, level=chosen.log_level)
    restarts = follow_supervisor()

    async def main() -> None:
        stopping = asyncio.Event()

        def stop() -> None:
            if stopping.is_set():
                os._exit(130)
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        metrics = Metrics(CollectorRegistry())
        metrics.restarts.inc(restarts)
        await worker(chosen, metrics, stopping)

    asyncio.run(main())


@app.command()
def enrich(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    watchlist: Watchlists = None,
    model: Model = None,
    processes: Processes = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="A topic of raw articles; repeatable.")] = None,
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
        model=model,
        input_topics=inputs,
        enrich=section(processes=processes),
    )

    async def worker(chosen: Settings, metrics: Any, stopping: asyncio.Event) -> None:
        from workers.enrich import Enrich

        await Enrich(chosen, metrics=metrics, stopping=stopping).run()

    serve(chosen, worker, supervise=supervise)


@app.command()
def alert(
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Group = None,
    config: Config = None,
    port: Port = None,
    supervise: Supervise = True,
) -> None:
    """Hits in; one alert a story and desk out."""
    chosen = load(config, brokers=brokers, prefix=prefix, group=group, port=port)
    if supervise:
        supervised(chosen)
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
    supervise: Supervise = False,
) -> None:
    """Alerts in; to people, chats and topics out, as the settings' routes say."""
    from workers import deliver as worker

    chosen = load(config, brokers=brokers, prefix=prefix, group=group, port=port)
    serve(chosen, worker.run, supervise=supervise)


app.command("demo")(demo_command)
app.command("publish")(publish_command)
app.command("tail")(tail)
app.command("annotate")(annotate_command)
app.add_typer(topics.app, name="topics")
app.add_typer(watchlists.app, name="watchlists")
app.add_typer(dlq.app, name="dlq")


def fail(message: str, code: int) -> NoReturn:
    """End with a message for people on stderr."""
    print(f"wirewatch: {plain(message, lines=True)}", file=sys.stderr)
    raise SystemExit(code)


def main() -> None:
    """The entry point: what goes wrong is a message and an exit code, never a traceback."""
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
