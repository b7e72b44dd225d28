"""Plans: sums that can be checked by hand, and the simulation against them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.cli import main
from narratrace.corpus.plan import describe, make_plan
from narratrace.corpus.rates import KINDS, Kind, Rate, measured
from narratrace.corpus.simulate import lecture_durations, simulate
from narratrace.errors import InputError
from tests.corpus.runs import make_run, write_manifest

CARD = Kind(
    name="card",
    engines=2,
    cores=4,
    price=3.0,
    rates=(
        Rate(station="decode", unit="nvdec", speed=10.0, source="made up"),
        Rate(station="transcribe", unit="card", speed=100.0, source="made up"),
        Rate(station="clips", unit="core", speed=5.0, source="made up"),
    ),
)
HOUR = 3600.0


def test_a_plan_adds_up() -> None:
    plan = make_plan([HOUR] * 80, CARD, 2)
    # 80 h at 10 x take 8 engine hours on 4 engines, 0.8 card hours on 2 cards, 16 core hours on 8 cores.
    assert plan.busy_hours == {"nvdec": 2.0, "card": 0.4, "core": 2.0}
    assert plan.wall_hours == 2.0
    assert plan.cost == pytest.approx(12.0)
    assert plan.tail_hours == pytest.approx(0.1 + 0.01 + 0.2)
    assert make_plan([HOUR] * 80, CARD, 4).wall_hours == 1.0
    assert "transcribe" not in {
        load.rate.station for load in make_plan([HOUR], CARD, 1, has_captions=True).loads
    }


def test_no_run_is_shorter_than_its_longest_recording() -> None:
    plan = make_plan([HOUR] + [60.0] * 10, CARD, 64)
    assert plan.wall_hours == pytest.approx(0.31)


def test_nothing_to_plan() -> None:
    with pytest.raises(ValueError, match="0 recordings"):
        make_plan([], CARD, 1)
    with pytest.raises(ValueError, match="on 0 machines"):
        make_plan([1.0], CARD, 0)


@pytest.mark.parametrize("name", KINDS)
def test_every_assumption_is_told(name: str) -> None:
    text = "\n".join(describe(make_plan([HOUR] * 10, KINDS[name], 1)))
    for rate in KINDS[name].rates:
        assert rate.source.startswith(("measured", "published", "assumption", "recalled"))
        assert rate.source in text
    assert "assumption" in text


def test_rates_of_a_trial_run_replace_those_of_the_host(lecture: Path, tmp_path: Path) -> None:
    make_run([lecture], tmp_path).execute()
    kind = measured(tmp_path / "run.json", KINDS["h200"])
    document = json.loads((tmp_path / "run.json").read_text())
    rates = {rate.station: rate for rate in kind.rates}
    expected = document["hours"]["done"] * 3600 / document["timings"]["clips"]
    assert rates["clips"].speed == pytest.approx(expected)
    assert rates["decode"] == next(r for r in KINDS["h200"].rates if r.station == "decode")
    cores = {rate.station: rate for rate in measured(tmp_path / "run.json", KINDS["core"]).rates}
    assert cores["decode"].source.startswith("measured: ")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="no record of a run"):
        measured(tmp_path / "other.json", CARD)


def test_durations_are_those_of_the_published_corpus() -> None:
    durations = lecture_durations(20_000)
    assert sum(durations) / len(durations) == pytest.approx(222.0, rel=0.01)
    assert min(durations) >= 15.0
    assert sorted(durations)[len(durations) // 2] < 222.0 < max(durations) / 10
    assert lecture_durations(100) == lecture_durations(100)


def test_the_simulation_agrees_with_the_sums_where_nothing_waits() -> None:
    pytest.importorskip("simpy", reason="needs simpy")
    one = Kind(
        name="x", engines=0, cores=1, price=1.0,
        rates=(Rate(station="decode", unit="core", speed=2.0, source="made up"),),
    )  # fmt: skip
    found = simulate([100.0] * 10, one, 2)
    assert found.hours == pytest.approx(make_plan([100.0] * 10, one, 2).wall_hours)
    assert found.used == {"core": pytest.approx(1.0)}
    assert found.tail_hours == 0.0


def test_order_matters_at_the_end_and_scratch_is_bounded_by_the_window() -> None:
    pytest.importorskip("simpy", reason="needs simpy")
    durations = lecture_durations(600, seed=3)
    durations[-1] = 14_400.0
    kinds = {
        order: simulate(durations, CARD, 4, order=order, window=6) for order in ("input", "last", "longest")
    }
    assert kinds["longest"].hours < kinds["last"].hours < kinds["input"].hours
    assert kinds["longest"].tail_hours < kinds["last"].tail_hours < kinds["input"].tail_hours
    workers = 4 * 4  # of a card with two engines and four cores there are four
    assert kinds["last"].waiting < 6 * workers < kinds["longest"].waiting


def test_enough_workers_keep_the_engines_busy() -> None:
    pytest.importorskip("simpy", reason="needs simpy")
    durations = lecture_durations(400)
    kind = replace(CARD, cores=8)
    few, many = (simulate(durations, kind, 1, workers=workers) for workers in (2, 6))
    assert few.used["nvdec"] < 0.6
    assert many.used["nvdec"] > 0.9
    assert many.hours >= make_plan(durations, kind, 1).busy_hours["nvdec"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"uri": f"https://h/{n}.mp4", "duration": 3600} for n in range(50)]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    assert main(["corpus", "plan", str(manifest), "--gpus", "2", "--kind", "l4", "--price", "1"]) == 0
    text = capsys.readouterr().out
    assert "50 recordings, 50 h" in text
    assert "bottleneck" in text
    assert "guesses" not in text
    pytest.importorskip("simpy", reason="needs simpy")
    assert main(["corpus", "plan", str(manifest), "--simulate"]) == 0
    assert "waiting bundles" in capsys.readouterr().out
    assert main(["corpus", "plan", str(manifest), "--kind", "abacus"]) == 2


def test_guesses_are_told(lecture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpus", "plan", str(lecture)]) == 0
    text = capsys.readouterr().out
    assert "1 of 1 durations are guesses" in text
    assert "busy 0 h" not in text
    assert ", 0 h" not in text
