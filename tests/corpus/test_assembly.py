"""Between ledger and assembler: nothing that is finished is forgotten, whatever became of its bundles."""

from __future__ import annotations

import tarfile
from pathlib import Path

from narratrace.corpus.assembly import Assembly, read_made
from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import read_shards
from narratrace.corpus.ledger_rows import Head, State
from narratrace.write.bundle import write_bundle
from narratrace.write.options import BundleOptions, ShardOptions
from narratrace.write.shard_file import list_finished_shards
from tests.write.builders import make_recording

HEAD = Head(options={}, fingerprint="f", inputs="i", sources=(), versions={})


def leave_out(bundle: Path, member: str) -> None:
    """Lose one file of a bundle, as a disk that fails does."""
    whole = bundle.rename(bundle.with_suffix(".whole"))
    with tarfile.open(whole) as source, tarfile.open(bundle, "w") as target:
        for info in source:
            if info.name != member:
                target.addfile(info, source.extractfile(info))


def test_a_shard_finished_before_its_bundle_proved_damaged_is_known(tmp_path: Path) -> None:
    out, bundles = tmp_path / "out", tmp_path / "bundles"
    out.mkdir()
    bundles.mkdir()
    recording = make_recording(0, (4, 0, 0))
    bundle = write_bundle(recording, bundles, BundleOptions())
    made = read_made(bundle)
    leave_out(bundle, "pairs/vid-0000_3.jpg")
    with Ledger(out / "ledger.sqlite") as ledger:
        ledger.begin(HEAD, [(recording.input, 60.0)])
        ledger.done(0, made, 1.0, "f")
        options = ShardOptions(max_samples=2)
        with Assembly(out, bundles, ledger, options, finished=[], fingerprint="f") as assembly:
            (first,) = assembly.feed()
            assert list(read_shards(ledger.connection)) == [first]
            row = ledger.row(0)
            assert row is not None
            assert row.state is State.PENDING, "it is processed again"
            write_bundle(recording, bundles, BundleOptions())
            ledger.done(0, made, 1.0, "f")
            assert assembly.feed() == []
            (last,) = assembly.finish()
        assert list(read_shards(ledger.connection)) == list_finished_shards(out) == [first, last]
