"""The samples of a run for training, as a torch dataset.

    dataset = SampleDataset("out", SampleKind.PAIR, transform=to_tensors, seed=0)
    loader = DataLoader(dataset, batch_size=64, num_workers=4)

Every sample comes once an epoch, however many workers and ranks share it: shards are dealt out to them, so
there should be more shards than takers. The shards are plain WebDataset too: open_clip, webdataset and
Hugging Face datasets read ``OUT/shards/pairs-*.tar`` without this module.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narratrace.data.sample import SampleKind
from narratrace.errors import InputError, OptionError
from narratrace.write.shard_file import list_finished_shards, shard_path
from narratrace.write.shard_reader import ShardSample, read_shard
from narratrace.write.shards import is_output_folder


class Samples:
    """The samples of one kind in the finished shards of an output folder, shared out among takers.

    ``SampleDataset`` is the same as a ``torch.utils.data.IterableDataset``.

    Args:
        out: Output folder, of a run that may be going on.
        kind: Which samples, also by name: ``"pairs"``, ``"traces"``, ``"clips"``.
        transform: Makes of a sample what the dataset gives; the sample itself by default.
        seed: Shards are shuffled by it, anew in each epoch; None keeps the order of the run.
        buffer: Samples held to shuffle across shards, 0 for none; only with a seed.
        rank, world: This process among those that share the samples.

    Raises:
        ValueError: ``rank`` is not below ``world``.
        OptionError: there is no such kind.
        InputError: the folder is not there, or holds no run.
        StorageError: the folder does not hold what its index says.
    """

    def __init__(
        self,
        out: str | Path,
        kind: SampleKind | str,
        *,
        transform: Callable[[ShardSample], Any] | None = None,
        seed: int | None = None,
        buffer: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank {rank} of {world}")
        if not is_output_folder(Path(out)):
            raise InputError(
                "is no output folder of narratrace",
                station="corpus",
                input=str(out),
                expected="a folder that `narratrace process -o` or `corpus run -o` wrote",
            )
        wanted = _kind(kind)
        self._records = [r for r in list_finished_shards(Path(out)) if r.kind is wanted]
        self._paths = [shard_path(Path(out), r.kind, r.number) for r in self._records]
        self._transform = transform
        self._seed = seed
        self._buffer = buffer
        self._rank = rank
        self._world = world
        self._epoch = 0

    @property
    def samples(self) -> int:
        """How many there are, over all ranks."""
        return sum(record.samples for record in self._records)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of the shards; call before each epoch."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[Any]:
        paths = list(self._paths)
        # The same on every taker, or shards would be dealt out twice.
        rng = None if self._seed is None else random.Random(f"{self._seed} {self._epoch}")
        if rng is not None:
            rng.shuffle(paths)
        worker, workers = _worker()
        taker, takers = self._rank * workers + worker, self._world * workers
        samples: Iterator[ShardSample] = (s for path in paths[taker::takers] for s in read_shard(path))
        if rng is not None and self._buffer:
            samples = _shuffled(samples, self._buffer, rng)
        yield from map(self._transform, samples) if self._transform else samples


if TYPE_CHECKING:
    from torch.utils.data import IterableDataset

    class SampleDataset(Samples, IterableDataset[Any]):
        """The samples as torch takes them."""


def __getattr__(name: str) -> Any:
    """``SampleDataset``, made when first asked for: until then torch is not needed."""
    if name != "SampleDataset":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torch.utils.data import IterableDataset

    made = type(name, (Samples, IterableDataset), {"__module__": __name__, "__doc__": Samples.__doc__})
    globals()[name] = made
    return made


def _kind(name: SampleKind | str) -> SampleKind:
    try:
        return SampleKind(name)
    except ValueError as error:
        raise OptionError(
            f"{name!r} is no kind of samples",
            station="corpus",
            input="kind",
            expected=", ".join(kind.value for kind in SampleKind),
        ) from error


def _worker() -> tuple[int, int]:
    """Number of this worker of a torch loader, and how many there are; ``(0, 1)`` outside of one."""
    if "torch" not in sys.modules:
        return 0, 1
    from torch.utils.data import get_worker_info

    worker = get_worker_info()
    return (worker.id, worker.num_workers) if worker else (0, 1)


def _shuffled(samples: Iterator[ShardSample], size: int, rng: random.Random) -> Iterator[ShardSample]:
    held: list[ShardSample] = []
    for sample in samples:
        if len(held) < size:
            held.append(sample)
            continue
        place = rng.randrange(size)
        held[place], sample = sample, held[place]
        yield sample
    rng.shuffle(held)
    yield from held
