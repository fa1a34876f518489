"""What we may do on the cluster, held against what each worker has to (`workers.rights`)."""

from collections.abc import Iterator, Sequence

from workers import rights
from workers.checks.cluster import Cluster
from workers.checks.finding import Finding, fine, warning, wrong
from workers.rights import Right
from workers.settings import Settings
from workers.stream.authorized import Allowed

REMEDY = "wirewatch topics list --acls prints what an administrator has to allow"


def check(settings: Settings, cluster: Cluster, workers: Sequence[str]) -> Iterator[Finding]:
    """Each worker's rights, as far as the client that asked has them: a user of a worker's own asks for that one."""
    for worker in workers:
        needed = rights.rights(settings, worker)
        missing = [(right, gone) for right in needed if (gone := _missing(right, cluster))]
        for right, gone in missing:
            yield wrong(
                "rights",
                f"{worker} may not {' and '.join(gone)} the {right.kind}",
                subject=right.name,
                remedy=REMEDY,
            )
        unknown = [right.name for right in needed if _said(right, cluster) is None]
        if unknown:
            yield warning("rights", f"the brokers do not say what {worker} may do with {', '.join(unknown)}")
        elif not missing:
            yield fine("rights", f"{worker} may do all that it has to")


def _missing(right: Right, cluster: Cluster) -> list[str]:
    said = _said(right, cluster)
    return [] if said is None else sorted(set(right.operations) - said)


def _said(right: Right, cluster: Cluster) -> frozenset[str] | None:
    """What the brokers said that we may; None where they did not, or could not: what is not there has no rights yet."""
    found: Allowed | None = (cluster.topics if right.kind == rights.TOPIC else cluster.groups).get(right.name)
    if found is None or found.missing:
        return frozenset(right.operations)
    return found.operations
