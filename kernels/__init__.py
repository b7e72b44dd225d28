"""CUDA kernels and their launchers.

Written for Numba, so that one source runs on a device, compiles to PTX without one, and runs in Numba's
simulator (``NUMBA_ENABLE_CUDASIM=1``), where every thread is a Python thread: correct, and slow. Only
``narratrace.ops.*_cuda`` imports this package.

Note [Surfaces]
~~~~~~~~~~~~~~~
Decoders for NVIDIA cards write NV12: rows of luma, then rows of interleaved blue and red differences at half
the height, all of one pitch. In that layout a tile of 16 x 16 pixels is 16 rows of 16 bytes and 8 rows of 16
bytes: 24 aligned vector loads, one a thread. So the kernels see pictures as arrays of 64-bit words, shape
(pictures, rows, pitch / 8) with an even number of words a row, and a thread takes two words at once. A row of
threads covers 128 adjacent bytes, a whole cache line.
"""

import warnings

# Numba warns of every launch with few blocks. Small pictures need no more, and nothing can be done about it.
warnings.filterwarnings("ignore", r"Grid size \d+ will likely result in GPU under-utilization")
