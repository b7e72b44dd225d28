"""Inputs and outputs on an S3 server and over HTTP, on loopback; and what is never opened or shown."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from narratrace.cli import main
from narratrace.corpus import VideoFinished
from narratrace.corpus.options import LimitOptions, ScratchOptions
from narratrace.corpus.storage import localise
from narratrace.corpus.uris import check_uri, file_name, is_local, redacted
from narratrace.corpus.verify import verify
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed, Kept
from narratrace.errors import DiskError, InputError, StorageError
from narratrace.report import build_report
from narratrace.write.shard_file import list_finished_shards
from tests.corpus.runs import OPTIONS, ledger_rows, make_run, outputs, write_manifest

moto_server = pytest.importorskip("moto.server", reason="needs moto[server]")
s3fs = pytest.importorskip("s3fs", reason="needs s3fs")
fsspec = pytest.importorskip("fsspec", reason="needs fsspec")


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """A file system on a real S3 server with an empty bucket ``lectures``."""
    server = moto_server.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        filesystem = s3fs.S3FileSystem()
        filesystem.mkdir("lectures")
        yield filesystem
    server.stop()


@pytest.fixture(scope="module")
def manifest(s3: Any, lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of the recordings on S3, captions too."""
    rows = []
    for path in sorted(lectures.glob("*.mp4")):
        for file in (path, path.with_suffix(".vtt")):
            s3.put_file(str(file), f"lectures/in/{file.name}")
        uri = f"s3://lectures/in/{path.name}"
        rows.append({"video_id": path.stem, "uri": uri, "captions_uri": uri.replace(".mp4", ".vtt")})
    return write_manifest(tmp_path_factory.mktemp("manifest") / "m.jsonl", rows)


@pytest.fixture(scope="module")
def local(lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of the same recordings from local files to a local folder."""
    out = tmp_path_factory.mktemp("local")
    make_run([lectures], out).execute()
    return out


def pull(s3: Any, remote: str, target: Path) -> Path:
    s3.get(f"{remote}/", str(target), recursive=True)
    return target


def test_the_output_is_the_same_wherever_the_inputs_lie(manifest: Path, local: Path, tmp_path: Path) -> None:
    scratch = ScratchOptions(folder=str(tmp_path / "scratch"), fetches=2, fetch_bytes=40_000)
    options = replace(OPTIONS, scratch=scratch)
    run = make_run([manifest], tmp_path / "out", options=options)
    held = []
    summary = run.execute(lambda _: held.append(run.snapshot()))
    assert summary.failed == 0
    assert outputs(tmp_path / "out") == outputs(local)
    queues = [snapshot.queues for snapshot in held if snapshot]
    largest = max(path.stat().st_size for path in (tmp_path / "out").parent.rglob("*") if path.is_file())
    assert max(q.fetched_bytes for q in queues) < 40_000 + 2 * max(largest, 40_000)
    assert list((tmp_path / "scratch").iterdir()) == [], "nothing is left on scratch"
    document = json.loads((tmp_path / "out" / "analysis" / "lecture-0.json").read_text())
    assert document["video"]["path"] == "s3://lectures/in/lecture-0.mp4"


def test_an_output_on_s3_arrives_whole_and_ends_with_the_marker(
    s3: Any, manifest: Path, local: Path, tmp_path: Path
) -> None:
    scratch = ScratchOptions(folder=str(tmp_path / "scratch"))
    options = replace(OPTIONS, scratch=scratch)
    run = make_run([manifest], "s3://lectures/out", options=options)
    assert run.execute().complete
    pulled = pull(s3, "lectures/out", tmp_path / "pulled")
    assert outputs(pulled) == outputs(local)
    assert (pulled / "_SUCCESS").exists()
    assert list(verify(pulled)) == []
    assert json.loads((pulled / "run.json").read_text())["state"] == "complete"
    left = list((tmp_path / "scratch").rglob("*"))
    assert [path.name for path in left if path.name == "ledger.sqlite"], "the ledger stays"
    assert [path for path in left if path.suffix == ".tar"] == [], "what was sent is not kept"
    again = make_run([manifest], "s3://lectures/out", options=options)
    assert len(list(again.samples())) == sum(record.samples for record in list_finished_shards(pulled))


def test_an_interrupted_run_to_s3_goes_on(s3: Any, manifest: Path, local: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    for wanted in (2, 5):
        run = make_run([manifest], "s3://lectures/halted", options=options)
        events = run.events()
        for _ in range(wanted):
            next(event for event in events if isinstance(event, VideoFinished))
        events.close()
        assert not s3.exists("lectures/halted/_SUCCESS")
    run = make_run([manifest], "s3://lectures/halted", options=options)
    assert run.execute().complete
    assert outputs(pull(s3, "lectures/halted", tmp_path / "pulled")) == outputs(local)


def test_a_place_with_somebody_elses_output_is_refused(s3: Any, manifest: Path, tmp_path: Path) -> None:
    s3.pipe_file("lectures/taken/run.json", b"{}")
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    with pytest.raises(InputError, match="none is begun over it"):
        make_run([manifest], "s3://lectures/taken", options=options).execute()


def test_commands_find_a_run_whose_output_lies_elsewhere(
    lecture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], own_logging: None
) -> None:
    out, scratch, bad = "memory://commands", str(tmp_path / "scratch"), tmp_path / "bad.mp4"
    bad.touch()
    settings = ("--asr", "captions", "--device", "cpu", "--workers", "1")
    assert main(["process", str(lecture), str(bad), "-o", out, "--scratch", scratch, *settings]) == 1
    assert f"narratrace corpus retry --scratch {scratch} {out}\n" in capsys.readouterr().err
    assert main(["corpus", "verify", out, "--scratch", scratch]) == 0
    assert main(["corpus", "status", out, "--scratch", scratch]) == 0
    assert "2 of 2 finished" in capsys.readouterr().out
    letter = json.loads(fsspec.filesystem("memory").cat_file("/commands/dead_letter.jsonl"))
    assert main(letter["command"].split()[1:]) == 1
    assert "bad: failed at source" in capsys.readouterr().out
    assert main(["corpus", "retry", out, "--set", f"run.scratch.folder={scratch}", *settings]) == 1
    assert main(["corpus", "verify", "memory://nothing", "--scratch", scratch]) == 2

    shard = fsspec.filesystem("memory").glob("/commands/shards/pairs-*.tar")[0]
    fsspec.filesystem("memory").pipe_file(shard, b"damaged")
    assert main(["corpus", "verify", out, "--scratch", scratch]) == 1


def test_a_mistyped_bucket_is_noticed_before_any_work(
    s3: Any, lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narratrace.corpus.outbox.time.sleep", lambda _: pytest.fail("another try"))
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    run = make_run([lecture], "s3://lecures/out", options=options)
    with pytest.raises(InputError, match=r"s3://lecures/out: cannot be written: .*bucket does not exist"):
        run.execute()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_must_not_be_written_is_noticed_before_any_work(
    lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "put_file", refuse)
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    with pytest.raises(InputError, match="Access Denied"):
        make_run([lecture], "memory://denied", options=options).execute()
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_deleted_will_do(
    lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("Access Denied")

    memory = fsspec.filesystem("memory")
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    assert make_run([lecture], "memory://tried", options=options).execute().complete
    assert memory.exists("/tried/_SUCCESS")
    assert not memory.exists("/tried/.narratrace")
    monkeypatch.setattr(type(memory), "rm_file", refuse)
    assert make_run([lecture], "memory://kept", options=options).execute().complete
    assert ".narratrace stays: " in caplog.text


def test_missing_objects_and_buckets(s3: Any, tmp_path: Path) -> None:
    rows = [{"video_id": "gone", "uri": "s3://lectures/in/gone.mp4"}]
    rows += [{"video_id": "nowhere", "uri": "s3://no-such-bucket/x.mp4"}]
    run = make_run([write_manifest(tmp_path / "m.jsonl", rows)], tmp_path / "out")
    ends = {e.video_id: e.outcome for e in run.events() if isinstance(e, VideoFinished)}
    for outcome in ends.values():
        assert isinstance(outcome, Failed)
        assert (outcome.station, outcome.error) == ("source", "InputError")


def test_storage_that_does_not_answer_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = "http://127.0.0.1:9/lecture.mp4?signature=secret"
    run = make_run([write_manifest(tmp_path / "m.jsonl", [{"uri": uri}])], tmp_path / "out")
    (end,) = [event for event in run.events() if isinstance(event, VideoFinished)]
    assert isinstance(end.outcome, Failed)
    assert (end.outcome.error, end.attempt) == ("StorageError", OPTIONS.retry.attempts)
    assert "secret" not in (tmp_path / "out" / "dead_letter.jsonl").read_text()
    said = [record.getMessage() for record in caplog.records if hasattr(record, "uri")]
    assert ["again in" in line for line in said] == [True, True, False]
    assert all("source: http://127.0.0.1:9/lecture.mp4: cannot be fetched: Cannot connect" in s for s in said)


@pytest.fixture
def web(lectures: Path) -> Iterator[str]:
    """The recordings over HTTP."""
    handler = functools.partial(_Quiet, directory=str(lectures))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_inputs_over_http_and_their_secrets(web: str, tmp_path: Path) -> None:
    uri = f"{web}/lecture-0.mp4?token=hidden"
    rows = [{"video_id": "v", "uri": uri, "captions_uri": f"{web}/lecture-0.vtt?token=hidden"}]
    run = make_run([write_manifest(tmp_path / "m.jsonl", rows)], tmp_path / "out")
    (end,) = [event for event in run.events() if isinstance(event, VideoFinished)]
    assert isinstance(end.outcome, Kept), end.outcome
    assert end.outcome.value.counts["pairs"] >= 1
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file() and not path.name.startswith("ledger"):
            assert b"hidden" not in path.read_bytes(), path
    assert ledger_rows(tmp_path / "out")["v"]["uri"] == uri, "the ledger alone can fetch again"


def test_secrets_are_nowhere_but_in_the_ledger_that_fetches(
    web: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"{web}/lecture-1.mp4?X-Amz-Signature=SECRET"
    rows = [
        {"video_id": "gone", "uri": f"{web}/a b.mp4?token=SECRET more-SECRET"},
        {"video_id": "mute", "uri": uri, "captions_uri": f"{web}/none.vtt?credential=a%2Fb&token=SECRET"},
    ]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    run = make_run(
        [f"{web}/lecture-0.mp4?X-Amz-Signature=SECRET", manifest], "memory://secrets", options=options
    )
    ends = {event.video_id: event.outcome for event in run.events() if isinstance(event, VideoFinished)}
    assert {name: type(end) for name, end in ends.items()} == {
        "lecture-0": Kept,
        "gone": Failed,
        "mute": Failed,
    }
    sent = tmp_path / "sent"
    fsspec.filesystem("memory").get("/secrets/", str(sent), recursive=True)
    build_report(sent)
    files = [path for path in sent.rglob("*") if path.is_file()]
    assert {"run.json", "ledger.sqlite", "dead_letter.jsonl", "report.html"} <= {path.name for path in files}
    assert [path.name for path in files if b"SECRET" in path.read_bytes()] == []
    assert json.loads((sent / "run.json").read_text())["inputs"][0] == f"{web}/lecture-0.mp4"
    assert "SECRET" not in caplog.text
    assert "SECRET" not in repr(ends)
    (ledger,) = (tmp_path / "scratch").rglob("ledger.sqlite")
    assert ledger_rows(ledger.parent)["mute"]["uri"] == uri


def test_errors_of_commands_show_no_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own_logging: None
) -> None:
    rows = [{"video_id": "a", "uri": f"http://host/{name}.mp4?sig=SECRET"} for name in "xy"]
    manifests = [str(write_manifest(tmp_path / f"{n}.jsonl", [row])) for n, row in enumerate(rows)]
    assert main(["process", *manifests, "-o", str(tmp_path / "out")]) == 2
    assert main(["process", manifests[0], "-o", "s3://user:SECRET@bucket/out"]) == 2
    said = capsys.readouterr().err
    assert "http://host/y.mp4" in said
    assert "holds credentials" in said
    assert "SECRET" not in said


def test_too_large_objects_are_not_fetched(web: str, tmp_path: Path) -> None:
    video = VideoInput(video_id="v", uri=f"{web}/lecture-0.mp4")
    with pytest.raises(InputError, match="bytes"):
        localise(video, tmp_path, LimitOptions(max_bytes=1000))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_uris_that_are_never_opened(tmp_path: Path) -> None:
    limits = LimitOptions(input_root=str(tmp_path))
    (tmp_path / "link").symlink_to("/etc")
    for uri, message in (
        ("ftp://host/a.mp4", "scheme 'ftp'"),
        ("concat://a|b", "scheme 'concat'"),
        ("simplecache::s3://bucket/x.mp4", "scheme"),
        ("https://user:password@host/a.mp4", "credentials"),
        ("s3://user:password@bucket/a.mp4", "credentials"),
        (f"{tmp_path}/../a.mp4", "outside"),
        (f"{tmp_path}/link/passwd", "outside"),
        ("file:///etc/passwd", "outside"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            check_uri(uri, limits)
        assert "password" not in str(caught.value)
    check_uri(f"{tmp_path}/a.mp4", limits)
    check_uri("s3://bucket/a.mp4", limits)


def test_names_made_of_uris_are_safe() -> None:
    assert file_name("s3://b/a/lecture 1.mp4") == "lecture_1.mp4"
    assert file_name("https://h/%2e%2e%2f%2e%2e%2fetc/passwd?x=/y") == "passwd"
    assert file_name("https://h/..") == "input"
    assert file_name("https://h/.hidden") == "hidden"
    assert len(file_name("https://h/" + "x" * 999 + ".mp4")) <= 120
    assert redacted("https://u:p@h/a?b=c#d") == "https://h/a"
    assert redacted("/data/a?b.mp4") == "/data/a?b.mp4"
    assert is_local("file:///a.mp4")


@pytest.fixture
def stuck() -> Iterator[tuple[str, threading.Event]]:
    """A URI whose content does not come, and whether it was asked for."""
    asked, released = threading.Event(), threading.Event()

    class Stuck(_Quiet):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            asked.set()
            released.wait()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stuck) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/a.mp4", asked
        released.set()
        server.shutdown()


def test_a_run_that_ends_does_not_wait_for_fetches(
    stuck: tuple[str, threading.Event], tmp_path: Path
) -> None:
    uri, asked = stuck
    command = [sys.executable, "-m", "narratrace", "process", uri, "-o", str(tmp_path), "--workers", "1"]
    process = subprocess.Popen([*command, "--asr", "captions", "--device", "cpu"], stderr=subprocess.PIPE)
    try:
        assert asked.wait(120)
        process.terminate()
        assert process.wait(30) == 130
    finally:
        process.kill()
    assert [path for path in (tmp_path / ".scratch" / "inputs").rglob("*") if path.is_file()] == []


def test_a_fetch_stops_when_it_is_given_up(web: str, tmp_path: Path) -> None:
    video = VideoInput(video_id="v", uri=f"{web}/lecture-0.mp4")
    with pytest.raises(StorageError, match="not wanted"):
        localise(video, tmp_path, LimitOptions(), lambda: True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a full device")
def test_a_fetch_onto_a_full_disk_stops_the_run(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> Path:
        part = path.with_name("part")
        part.symlink_to("/dev/full")
        return part

    with monkeypatch.context() as patch:
        patch.setattr("narratrace.corpus.storage.temporary_name", full)
        with pytest.raises(DiskError, match=r"inputs/\S+/lecture-0.mp4: cannot be written: No space left"):
            make_run([f"{web}/lecture-0.mp4"], tmp_path).execute()
    row = ledger_rows(tmp_path)["lecture-0"]
    assert (row["state"], row["attempt"]) == ("pending", 0)
    assert make_run([f"{web}/lecture-0.mp4"], tmp_path).execute().failed == 0


def test_a_storage_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Short(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"x" * 1000)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Short) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        video = VideoInput(video_id="v", uri=f"http://127.0.0.1:{server.server_address[1]}/a.mp4")
        with pytest.raises(StorageError):
            localise(video, tmp_path, LimitOptions())
        server.shutdown()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
