"""A bundle holds everything of a recording, whole or not at all."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.data.sample import SampleKind
from narratrace.errors import StorageError
from narratrace.write.bundle import Bundle, write_bundle
from narratrace.write.options import BundleOptions
from tests.write.builders import file_size_limit, make_recording, make_sample, picture


def test_everything_comes_back(tmp_path: Path) -> None:
    recording = make_recording(4, (2, 2, 1))
    path = write_bundle(recording, tmp_path, BundleOptions(analysis_keyframes=True))
    with Bundle(path) as bundle:
        assert (bundle.sequence, bundle.video_id) == (4, "vid-0004")
        assert bundle.counts == {SampleKind.PAIR: 2, SampleKind.TRACE: 2, SampleKind.CLIP: 1}
        samples = list(bundle.samples())
        analysis = bundle.analysis()
    assert [(s.kind.value, s.index) for s in samples] == [
        ("pairs", 0), ("pairs", 1), ("traces", 0), ("traces", 1), ("clips", 0),
    ]  # fmt: skip
    wanted = recording.samples or ()
    assert [dict(s.files).get("jpg") for s in samples[:4]] == [s.image and s.image.jpeg for s in wanted[:4]]
    assert dict(samples[4].files)["mp4"] == (wanted[4].clip and wanted[4].clip.mp4)
    assert [dict(s.files)["txt"].decode() for s in samples] == [s.text for s in wanted]
    assert [bool(s.narrative) for s in samples] == [False, False, True, True, False]
    assert analysis.keyframes == {"vid-0004/00000.jpg": picture(4).jpeg}


def test_same_recording_same_bytes_whatever_the_order_of_its_samples(tmp_path: Path) -> None:
    recording = make_recording(1, (4, 3, 2))
    shuffled = replace(recording, samples=(recording.samples or ())[::-1])
    paths = []
    for name, one in (("a", recording), ("b", shuffled)):
        (tmp_path / name).mkdir()
        paths.append(write_bundle(one, tmp_path / name, BundleOptions()))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": None}, "aligned"),
        ({"visual": None}, "analysed"),
        ({"samples": (replace(make_sample(SampleKind.PAIR, "v", 0), image=None),)}, "no jpg"),
        ({"samples": (replace(make_sample(SampleKind.CLIP, "v", 0), clip=None),)}, "no mp4"),
        ({"samples": (replace(make_sample(SampleKind.PAIR, "v", 0), key="../../etc"),)}, "not safe"),
        ({"samples": (replace(make_sample(SampleKind.PAIR, "v", 0), key="a.b"),)}, "not safe"),
        ({"samples": (make_sample(SampleKind.PAIR, "v", 0),) * 2}, "two pairs"),
        ({"samples": (replace(make_sample(SampleKind.PAIR, "v", 0), image_t=float("nan")),)}, "finite"),
    ],
)
def test_unfinished_or_unsafe_recordings_leave_no_file(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_bundle(make_recording(0, **change), tmp_path, BundleOptions())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_unsafe_video_id_is_refused(tmp_path: Path) -> None:
    recording = make_recording(0)
    with pytest.raises(ValueError, match="video_id"):
        write_bundle(
            replace(recording, input=replace(recording.input, video_id="../x")), tmp_path, BundleOptions()
        )


def test_damaged_bundles_say_so(tmp_path: Path) -> None:
    path = write_bundle(make_recording(0), tmp_path, BundleOptions())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(StorageError, match="bundle"), Bundle(path) as bundle:
        list(bundle.samples())
    path.unlink()
    with pytest.raises(StorageError, match="bundle"):
        Bundle(path)
    with tarfile.open(path, "w"):
        pass
    with pytest.raises(StorageError, match="bundle"):
        Bundle(path)


def test_a_full_disk_is_a_retryable_storage_error_that_leaves_nothing(tmp_path: Path) -> None:
    with file_size_limit(10_000), pytest.raises(StorageError) as caught:
        write_bundle(make_recording(0), tmp_path, BundleOptions())
    assert caught.value.retryable
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_a_retryable_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        write_bundle(make_recording(0), tmp_path / "missing", BundleOptions())
    assert caught.value.retryable
