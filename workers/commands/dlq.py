"""`wirewatch dlq`: what went to the dead letters, why, and back with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workers.commands.options import EXIT_PROBLEMS, Brokers, Config, Json, Prefix, load, time_given, topic_name
from workers.commands.running import run

if TYPE_CHECKING:
    from workers.letters.letter import Place, Wanted
    from workers.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be processed, why, and back with it.")

Stage = Annotated[
    Literal["enrich", "alert", "deliver"] | None, typer.Option("--stage", help="Those of this worker alone.")
]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="REASON", help="Those of this reason, such as not_json; repeatable."),
]
Topic = Annotated[str | None, typer.Option("--topic", metavar="TOPIC", help="Those that came from this topic.")]
SinkName = Annotated[str | None, typer.Option("--sink", metavar="NAME", help="Those that this route's sink refused.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Dead since then: 12h, 7d, or a time (RFC 3339).")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Dead before then.")]


@app.command("list", epilog="Example: wirewatch dlq list --json | jq -r .errors.reason | sort | uniq -c")
def list_command(
    stage: Stage = None,
    reasons: Reasons = None,
    topic: Topic = None,
    sink: SinkName = None,
    since: Since = None,
    until: Until = None,
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
    limit: Annotated[int | None, typer.Option("-n", "--limit", min=1, metavar="N", help="At most so many.")] = None,
) -> None:
    """The dead letters that the topic still has, each with its place, its reason and how it begins.

    Its place (PARTITION/OFFSET) names it for show and redrive; those that were redriven say so.
    """
    from workers.commands.letters import print_list

    chosen = load(config, brokers=brokers, prefix=prefix)
    wanted = _wanted(chosen, (), stage, reasons, topic, sink, since, until)
    run(print_list(chosen, wanted, limit=limit, as_json=as_json_lines))


@app.command("show", epilog="Example: wirewatch dlq show 2/1071 --raw > record.json")
def show_command(
    place: Annotated[str, typer.Argument(metavar="PARTITION/OFFSET", help="Its place, as list shows it.")],
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    raw: Annotated[bool, typer.Option("--raw", help="The record's value alone, byte for byte.")] = False,
    as_json: Json = False,
) -> None:
    """All of one dead letter: why, where it came from, its headers, the record as it came."""
    from workers.commands.letters import print_one

    if raw and as_json:
        raise typer.BadParameter("expected either --raw or --json")
    chosen = load(config, brokers=brokers, prefix=prefix)
    run(print_one(chosen, _place(chosen, place), raw=raw, as_json=as_json))


@app.command("redrive", epilog="Example: wirewatch dlq redrive --stage enrich --since 12h --dry-run")
def redrive_command(
    places: Annotated[
        list[str] | None, typer.Argument(metavar="[PARTITION/OFFSET]…", help="These alone, as list shows them.")
    ] = None,
    stage: Stage = None,
    reasons: Reasons = None,
    topic: Topic = None,
    sink: SinkName = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="All that there are.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say where each would go.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Those that were redriven before, too.")] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    config: Config = None,
    as_json_lines: Json = False,
) -> None:
    """Send dead letters back where they came from, byte for byte, each once.

    What enrich could not read goes back to its topic, what alert could not to the hits, and what a sink refused to
    that sink alone, by its route in the settings. What fails again is a new dead letter, which says so, and does not
    put the brake on; what a sink refuses again stays as it is. Those that are old come to a sink as one digest a desk.

    A marker says what was redriven. If this is killed, up to 500 letters may go once more the next time, with the
    same ids. Exit code 1 where any is left for a fault.
    """
    from workers import logs
    from workers.commands.letters import redrive

    chosen = load(config, brokers=brokers, prefix=prefix)
    wanted = _wanted(chosen, places or (), stage, reasons, topic, sink, since, until)
    if sum((bool(places), everything, any((stage, reasons, topic, sink, since, until)))) != 1:
        raise typer.BadParameter("expected places, or filters, or --all: exactly one of them", param_hint="dlq redrive")
    logs.setup(format=chosen.log_format, level="error")
    done = run(redrive(chosen, wanted, again=again, dry=dry, as_json=as_json_lines))
    if done.problems or done.unmarked:
        raise typer.Exit(EXIT_PROBLEMS)


def _wanted(
    chosen: "Settings",
    places: Sequence[str],
    stage: str | None,
    reasons: Sequence[str] | None,
    topic: str | None,
    sink: str | None,
    since: str | None,
    until: str | None,
) -> "Wanted":
    """Raises typer.BadParameter."""
    from workers.letters.letter import Wanted

    begin = time_given(since, "--since") if since else None
    end = time_given(until, "--until", earliest=False) if until else None
    return Wanted(
        places=frozenset(_place(chosen, text) for text in places),
        stage=stage,
        reasons=tuple(reasons or ()),
        topic=topic_name(chosen, topic) if topic else None,
        sink=sink,
        since=begin.timestamp() if begin else None,
        until=end.timestamp() if end else None,
    )


def _place(chosen: "Settings", text: str) -> "Place":
    """Also with the topic's name before it, as `wirewatch trace` has it. Raises typer.BadParameter."""
    from workers.letters.letter import place

    found = place(text.removeprefix(f"{chosen.topic('dead-letters')}/"))
    if found is None:
        raise typer.BadParameter(f"{text}: expected PARTITION/OFFSET, as wirewatch dlq list shows them")
    return found
