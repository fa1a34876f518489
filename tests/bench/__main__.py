"""All benchmarks, one after the other: `python -m tests.bench`, or `make bench`."""

import subprocess
import sys

BENCHMARKS = ("bench_inputs", "bench_matcher", "bench_entities", "bench_alert", "bench_stream", "bench_scrapes")

for name in BENCHMARKS:
    print(f"--- {name}", flush=True)
    subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False)
