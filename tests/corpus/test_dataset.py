"""Reading a run's shards for training: as torch does, and as open_clip does."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from narratrace.corpus.dataset import SampleDataset
from narratrace.data.sample import SampleKind
from narratrace.errors import InputError, MissingDependency, OptionError
from narratrace.write.shard_file import list_finished_shards
from narratrace.write.shard_reader import ShardSample
from tests.corpus.runs import make_run

torch = pytest.importorskip("torch", reason="needs torch")


@pytest.fixture(scope="module")
def out(lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    make_run([lectures], folder).execute()
    return folder


def key_of(sample: ShardSample) -> str:
    return sample.key


def keys(out: Path) -> list[str]:
    """All keys of pairs in the order of the run."""
    return list(SampleDataset(out, SampleKind.PAIR, transform=key_of))


def test_every_sample_comes_once_however_many_take_part(out: Path) -> None:
    wanted = sorted(keys(out))
    assert len(wanted) == SampleDataset(out, SampleKind.PAIR).samples >= 8
    for world, workers in ((1, 2), (2, 0), (2, 2)):
        found: list[str] = []
        for rank in range(world):
            dataset = SampleDataset(
                out, SampleKind.PAIR, transform=key_of, seed=1, rank=rank, world=world, buffer=2
            )
            loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=workers)
            found += list(loader)
        assert sorted(found) == wanted, (world, workers)


def test_the_order_is_shuffled_by_seed_and_epoch(out: Path) -> None:
    dataset = SampleDataset(out, SampleKind.PAIR, transform=key_of, seed=5, buffer=4)
    first, again = list(dataset), list(dataset)
    dataset.set_epoch(1)
    assert first == again
    assert list(dataset) != first
    assert sorted(dataset) == sorted(keys(out))


def test_a_rank_outside_the_world_is_refused(out: Path) -> None:
    with pytest.raises(ValueError, match="rank 2 of 2"):
        SampleDataset(out, SampleKind.PAIR, rank=2, world=2)


@pytest.mark.parametrize("kind", SampleKind)
def test_a_kind_may_be_named(out: Path, kind: SampleKind) -> None:
    assert [s.key for s in SampleDataset(out, kind.value)] == [s.key for s in SampleDataset(out, kind)]
    with pytest.raises(OptionError, match=r"no kind of samples.*pairs, traces, clips"):
        SampleDataset(out, f"{kind.value}s")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no output folder"):
            SampleDataset(folder, SampleKind.PAIR)


def test_a_sample_prints_without_its_files(out: Path) -> None:
    for kind in SampleKind:
        sample = next(iter(SampleDataset(out, kind)))
        assert sample.key in repr(sample)
        assert "\\x" not in repr(sample)


def open_clip_pipeline(wds: Any, urls: list[str]) -> Any:
    """The stages of open_clip's ``get_wds_dataset`` for evaluation, with its filter and names."""

    def has_caption_and_image(sample: dict[str, Any]) -> bool:
        return "txt" in sample and any(name in sample for name in ("png", "jpg", "jpeg", "webp"))

    return wds.DataPipeline(
        wds.SimpleShardList(urls),
        wds.split_by_worker,
        wds.tarfile_to_samples(),
        wds.select(has_caption_and_image),
        wds.decode("pilrgb"),
        wds.rename(image="jpg;png;jpeg;webp", text="txt"),
        wds.map_dict(image=lambda picture: np.asarray(picture.resize((32, 32))), text=lambda text: text),
        wds.to_tuple("image", "text"),
        wds.batched(4, partial=True),
    )


@pytest.mark.parametrize("kind", ["pairs", "traces"])
def test_open_clip_reads_the_shards(out: Path, kind: str) -> None:
    wds = pytest.importorskip("webdataset", reason="needs webdataset")
    urls = [str(path) for path in sorted((out / "shards").glob(f"{kind}-*.tar"))]
    texts, pictures = [], 0
    for images, batch in open_clip_pipeline(wds, urls):
        assert np.asarray(images).shape == (len(batch), 32, 32, 3)
        texts += list(batch)
        pictures += len(images)
    expected = [s.json["text"] for s in SampleDataset(out, SampleKind(kind))]
    assert texts == expected
    # open_clip takes the number of samples of an epoch from here.
    sizes = json.loads((out / "shards" / "sizes.json").read_text())
    assert sum(sizes[Path(url).name] for url in urls) == pictures


def test_open_clips_own_loader_takes_them(out: Path) -> None:
    """The functions that open_clip reads datasets with, sizes.json included; their module needs pandas."""
    from narratrace.understand._torchvision import import_torchvision

    pytest.importorskip("pandas", reason="needs pandas")
    try:
        import_torchvision()
    except MissingDependency as error:
        pytest.skip(str(error))
    data = pytest.importorskip("open_clip_train.data", reason="needs open_clip's training code")
    count = len(list((out / "shards").glob("pairs-*.tar")))
    urls = f"{out}/shards/pairs-{{000000..{count - 1:06d}}}.tar"
    pairs = SampleDataset(out, SampleKind.PAIR).samples
    assert data.get_dataset_size(urls) == (pairs, count)
    # Its pipeline for training does not get along with webdataset 1.0; that for evaluation does.
    arguments = SimpleNamespace(val_data=urls, val_num_samples=pairs, batch_size=2, workers=0, world_size=1)
    info = data.get_wds_dataset(
        arguments,
        lambda picture: torch.from_numpy(np.array(picture.resize((32, 32)))),
        is_train=False,
        tokenizer=lambda text: torch.zeros(1, 77, dtype=torch.long),
    )
    batches = list(info.dataloader)
    assert sum(len(images) for images, _ in batches) == pairs
    assert all(images.shape[1:] == (32, 32, 3) for images, _ in batches)


def test_the_index_reads_as_one_table(out: Path) -> None:
    import pyarrow.dataset

    table = pyarrow.dataset.dataset(out / "index").to_table()
    assert table.num_rows == sum(record.samples for record in list_finished_shards(out))
    assert {"uid", "image", "text", "video_id", "duration", "spw"} <= set(table.column_names)


def test_samples_become_tensors(out: Path) -> None:
    from PIL import Image

    def to_tensor(sample: ShardSample) -> tuple[Any, str]:
        picture = Image.open(io.BytesIO(sample.files["jpg"])).resize((16, 16))
        return torch.from_numpy(np.array(picture)), sample.json["text"]

    dataset = SampleDataset(out, SampleKind.TRACE, transform=to_tensor)
    images, texts = next(iter(torch.utils.data.DataLoader(dataset, batch_size=3)))
    assert images.shape == (3, 16, 16, 3)
    assert all(isinstance(text, str) for text in texts)
