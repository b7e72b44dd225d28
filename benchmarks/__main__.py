"""``python -m benchmarks``: the benchmark of visual analysis; the others have names of their own.

python -m benchmarks.bench_visual    speed, memory and accuracy of visual analysis
python -m benchmarks.bench_corpus    what the runner costs, and what a run survives
"""

import sys

from benchmarks.bench_visual import main

if __name__ == "__main__":
    sys.exit(main())
