"""Whose a static member id is, and what a worker's next life knows of it."""

import os
import subprocess
import sys

from workers.former_life import FormerLife, keep
from workers.stream.authorized import Member
from workers.stream.membership import Membership


def member(id: str) -> Member:
    return Member(id, "news-0", "wirewatch-enrich", "10.0.0.7")


def test_at_first_the_id_is_ours_to_take() -> None:
    assert not Membership().another(member("somebody"))


def test_the_id_is_ours_while_the_brokers_know_us_by_it() -> None:
    ours = Membership()
    ours.had("a")
    ours.had("b")
    assert not ours.another(member("a"))
    assert not ours.another(member("b"))
    assert ours.another(member("c"))
    assert not ours.another(None)


def test_a_life_later_the_id_is_ours_only_if_nobody_took_it_meanwhile() -> None:
    life = FormerLife(keep())
    first = Membership(remember=lambda id: life.leave("member", id))
    first.had("a")
    next_one = Membership(former=life.get("member"))
    assert not next_one.another(member("a"))
    assert next_one.another(member("b"))


def test_what_was_left_is_read_by_the_next_process() -> None:
    kept = keep()
    FormerLife(kept).leave("member", "a-long-one")
    FormerLife(kept).leave("member", "b")
    code = f"from workers.former_life import FormerLife; print(FormerLife({kept}).get('member'))"
    done = subprocess.run([sys.executable, "-c", code], pass_fds=(kept,), capture_output=True, text=True, check=True)
    assert done.stdout == "b\n"


def test_what_was_left_half_written_is_nothing() -> None:
    kept = keep()
    os.pwrite(kept, b'{"member": "a', 0)
    assert FormerLife(kept).get("member") is None


def test_without_a_supervisor_nothing_is_left() -> None:
    FormerLife().leave("member", "a")
    assert FormerLife().get("member") is None
