"""Kafka in a container that has only Java and Kafka's jars: takes its settings as Kafka's own image does.

`KAFKA_LOG_DIRS` is `log.dirs`; a data folder that is new is formatted with `CLUSTER_ID`.
"""

import os
import subprocess
from pathlib import Path

CONFIG = Path("/tmp/server.properties")


def main() -> None:
    names = {name: name.removeprefix("KAFKA_").lower().replace("_", ".") for name in os.environ if "KAFKA_" in name}
    CONFIG.write_text("".join(f"{names[name]}={os.environ[name]}\n" for name in sorted(names)))
    java = [f"{os.environ['JAVA_HOME']}/bin/java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"]
    java += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", "/opt/kafka/libs/*"]
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", f"--cluster-id={os.environ['CLUSTER_ID']}"]
    subprocess.run([*java, *tool, "-c", str(CONFIG)], check=True)
    os.execv(java[0], [*java, "kafka.Kafka", str(CONFIG)])


if __name__ == "__main__":
    main()
