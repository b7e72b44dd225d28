"""Writing the report: pages are chosen, their data and media written as they are read, scripts last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from narratrace.report.blocks import MediaWriter, json_block
from narratrace.report.inventory import read_inventory
from narratrace.report.options import ReportOptions
from narratrace.report.recording import recording_page
from narratrace.report.shards import OpenShards, find_samples
from narratrace.report.shell import Shell
from narratrace.report.summary import summary_page
from narratrace.report.values import Entry, Inventory, spread
from narratrace.write.files import atomic


def build_report(out: Path, target: Path | None = None, options: ReportOptions | None = None) -> Path:
    """Write one self-contained HTML file about an output folder.

    Damage in the folder never stops a report: what cannot be shown is named in it.

    Args:
        out: The folder of ``narratrace process -o`` or ``narratrace corpus run -o``; a run that is still
            going on gives a report of what it has finished.
        target: The file, ``OUT/report.html`` by default.
        options: How much is shown.

    Returns:
        The file written, which replaces an earlier one in one step.

    Raises:
        InputError: ``out`` is no output folder.
        StorageError: the file cannot be written.
    """
    options = options or ReportOptions()
    found = read_inventory(out)
    path = target or out / "report.html"
    name = out.resolve().name
    shell = Shell.load()
    with atomic(path) as file:
        file.write(shell.head(f"{name} · narratrace"))
        written = _write_pages(file, out, choose(found, options), options)
        summary = summary_page(name, found, written.ids, options.max_listed)
        summary["left_out"] += written.left_out(found)
        file.write(json_block("summary", summary))
        file.write(shell.tail())
    return path


def choose(found: Inventory, options: ReportOptions) -> list[Entry]:
    """The recordings that get a page: those asked for, then an even spread, in the run's order."""
    wanted = [entry for entry in found.entries if entry.video_id in options.videos]
    others = [entry for entry in found.entries if entry.video_id not in options.videos]
    chosen = {e.video_id for e in (*wanted, *spread(others, max(0, options.max_videos - len(wanted))))}
    return [entry for entry in found.entries if entry.video_id in chosen]


class _Written(Struct, frozen=True):
    """What became of the pages: their ids, and samples shown and there in all."""

    ids: frozenset[str]
    shown: int
    samples: int

    def left_out(self, found: Inventory) -> list[str]:
        lines = []
        if len(self.ids) < len(found.entries):
            lines.append(f"{len(self.ids):,} of {len(found.entries):,} recordings have a page.")
        if self.shown < self.samples:
            lines.append(f"The pages show {self.shown:,} of their recordings' {self.samples:,} samples.")
        return lines


def _write_pages(file: BinaryIO, out: Path, entries: Sequence[Entry], options: ReportOptions) -> _Written:
    media = MediaWriter(file, options.picture_width)
    refs = find_samples(out, [entry.video_id for entry in entries])
    room, shown = int(options.max_mb * 1e6), 0
    with OpenShards(out) as shards:
        for place, entry in enumerate(entries):
            media.room = share = room // (len(entries) - place)
            page = recording_page(out, entry, refs[entry.video_id], shards, media, options.max_samples)
            file.write(json_block(f"video-{entry.video_id}", page))
            room -= share - media.room
            shown += sum(map(len, page["samples"].values()))
    ids = frozenset(entry.video_id for entry in entries)
    return _Written(ids, shown, sum(map(len, refs.values())))
