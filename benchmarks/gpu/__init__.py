"""Parts of the GPU benchmark, see benchmarks/bench_gpu.py."""
