"""Array operations, one file per device: x.py checks and dispatches to x_cpu.py or x_cuda.py."""
