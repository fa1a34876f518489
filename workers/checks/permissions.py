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
        unknown = [r.name for r in needed if (found := _found(r, cluster)) is not None and found.operations is None]
        if unknown:
            yield warning("rights", f"the brokers do not say what {worker} may do with {', '.join(unknown)}")
        elif not missing:
            yield fine("rights", f"{worker} may do all that it has to")


def _missing(right: Right, cluster: Cluster) -> list[str]:
    found = _found(right, cluster)
    return found.refused(right.operations) if found is not None else []


def _found(right: Right, cluster: Cluster) -> Allowed | None:
    """What the brokers said of it; None for what is not there, which has no rights yet."""
    found = (cluster.topics if right.kind == rights.TOPIC else cluster.groups).get(right.name)
    return None if found is None or found.missing else found
