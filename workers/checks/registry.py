"""The inputs' schema registries: do they answer?"""

from collections.abc import AsyncIterator

from topics.errors import ConfigError
from workers.checks.finding import Finding, fine, wrong
from workers.settings import Settings
from workers.stream.registry import Registry


async def check(settings: Settings) -> AsyncIterator[Finding]:
    """Each registry is asked once. Raises nothing."""
    for named in dict.fromkeys(one.registry for one in settings.inputs if one.registry is not None):
        try:
            registry = Registry(named)
        except ConfigError as error:
            yield wrong("registry", str(error), subject=named.url)
            continue
        try:
            problem = await registry.problem()
        finally:
            await registry.close()
        if problem is None:
            yield fine("registry", "answers", subject=named.url)
        else:
            yield wrong("registry", problem, subject=named.url, remedy="input.registry: url, username, password, ca")
