"""The queries of panels: by the variables `$job`, `$instance` and `$topic`, of which All is the default."""

BY_JOB = '{job=~"$job",instance=~"$instance"}'
BY_TOPIC = '{job=~"$job",instance=~"$instance",topic=~"$topic"}'


def quantile(q: float, metric: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{BY_JOB}[$__rate_interval])))"


def rate(metric: str, by: str, selector: str = BY_JOB) -> str:
    return f"sum by ({by}) (rate({metric}{selector}[$__rate_interval]))"


def gained(metric: str, by: str, selector: str = BY_JOB, over: str = "5m") -> str:
    return f"sum by ({by}) (increase({metric}{selector}[{over}]))"


def lately(metric: str, by: str) -> str:
    """What a counter gained in five minutes: what it began with, which `increase` misses; or, where that is more, what
    `increase` makes of a counter that began anew."""
    now, then = (f"sum by ({by}) ({metric}{BY_JOB}{offset})" for offset in ("", " offset 5m"))
    more = f"clamp_min({now} - ({then} or 0 * {now}), 0)"
    return f"{gained(metric, by)} > {more} or {more}"


def ours(metric: str, over: str = "{}") -> str:
    """A metric that every process has, of workers alone; `over` is put around it."""
    return f"{over.format(metric + BY_JOB)} and on (job, instance) wirewatch_build_info"


def with_labels(more: str) -> str:
    return BY_JOB.replace("}", f",{more}}}")


KNOWN = with_labels('result="hit"')
UNPLANNED = with_labels('reason!="recycled"')
