"""The alert worker as a process of its own, without the rest of the command: `python -m tests.alert_process`."""

import sys

from topics.errors import ConfigError
from workers import alert, logs, settings

if __name__ == "__main__":
    chosen = settings.load()
    logs.setup(format="json", level=chosen.log_level)
    try:
        sys.exit(alert.main(chosen))
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(alert.BAD_CONFIGURATION)
