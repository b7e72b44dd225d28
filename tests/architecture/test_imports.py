"""Who may import whom; what the graph of imports must never show."""

from __future__ import annotations

import pytest

from tests.architecture.tree import Module, modules

BASE = {
    "errors",
    "timebase",
    "options",
    "data",
    "container",
    "demux",
    "watchdog",
    "device",
    "driver",
    "threads",
    "models",
    "languages",
}
STATIONS = {"source", "decode", "analyse", "understand", "align", "write"}
JOINERS = STATIONS | {"pipeline", "visual_pass", "recipe"}

ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "timebase": set(),
    "options": {"errors"},
    "data": {"errors", "timebase", "options"},
    "driver": set(),
    "threads": set(),
    "models": set(),
    "languages": set(),
    "container": {"errors", "data"},
    "demux": {"container"},
    "watchdog": {"errors"},
    "device": {"driver", "errors"},
    "kernels": set(),
    "ops": BASE | {"kernels", "_native"},
    "analyse": BASE | {"ops", "_native"},
    **{station: BASE | {"ops"} for station in STATIONS - {"analyse"}},
    "pipeline": BASE,
    "visual_pass": BASE | {"source", "decode", "analyse", "pipeline"},
    "recipe": BASE | STATIONS | {"pipeline", "visual_pass"},
    "engine": BASE | {"source", "pipeline", "recipe"},
    "corpus": BASE | JOINERS | {"engine", "settings", "arguments", "report"},
    "report": BASE | {"write", "corpus"},
    "arguments": {"settings"},
    "settings": BASE | {"understand", "recipe", "corpus", "report"},
    "doctor": BASE | STATIONS | {"ops"},
    "cli": BASE | JOINERS | {"engine", "corpus", "report", "arguments", "settings", "doctor", ""},
    "__main__": {"cli"},
    # The package's own exports, all of them lazy.
    "": BASE | JOINERS | {"engine", "corpus"},
}
"""By package or root module: which others it may import, besides itself."""

HEAVY = (
    *("torch", "torchvision", "open_clip", "timm", "transformers", "faster_whisper", "ctranslate2"),
    *("onnxruntime", "cupy", "numba", "PyNvVideoCodec", "ray", "fsspec", "s3fs", "prometheus_client", "rich"),
)
"""Libraries that may only be imported where they are used, never when a module is."""

MODULES = modules()


def part_of(name: str) -> str:
    """The part of the package that an own import belongs to; names of the package itself are ``""``."""
    first = name.split(".")[0]
    return first if first in ALLOWED or first == "_native" else ""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "narratrace")
def test_imports_only_what_it_may(module: Module):
    assert module.part in ALLOWED, (
        f"{module.path} is in none of the known places: say here what it may import"
    )
    wrong = [
        f"line {line}: {name}"
        for name, line in module.own_imports()
        if part_of(name) not in ALLOWED[module.part] | {module.part}
    ]
    assert not wrong


def test_stations_do_not_import_each_other():
    for station in STATIONS:
        assert not ALLOWED[station] & (STATIONS - {station})


def test_only_the_entry_point_imports_the_command_line():
    assert [part for part, allowed in ALLOWED.items() if "cli" in allowed] == ["__main__"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "narratrace")
def test_native_code_and_kernels_have_one_door(module: Module):
    imported = {part_of(name) for name, _ in module.own_imports()}
    if "_native" in imported:
        assert module.name == "analyse.trace" or (module.part == "ops" and module.name.endswith("_cpu"))
    if "kernels" in imported and module.part != "kernels":
        assert module.part == "ops"
        assert module.name.endswith("_cuda")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "narratrace")
def test_heavy_libraries_are_imported_on_use(module: Module):
    """Kernels and the modules around them are themselves loaded on use."""
    if module.part == "kernels" or module.name.endswith("_cuda"):
        return
    eager = [
        f"line {line}: {name}" for name, line, now in module.imports() if now and name.split(".")[0] in HEAVY
    ]
    assert not eager


def test_the_video_codec_library_is_known_to_one_module():
    """Importing it without a driver raises RuntimeError; one place deals with that."""
    users = [
        m.name for m in MODULES if any(name.split(".")[0] == "PyNvVideoCodec" for name, _, _ in m.imports())
    ]
    assert set(users) <= {"decode.nvdec"}


def test_recipe_is_the_one_place_that_names_all_stages():
    stages = {
        "visual_pass": "VisualPass",
        "understand.transcribe": "Transcribe",
        "understand.classify": "Classify",
        "understand.judge": "Judge",
        "align.stage": "Align",
        "write.clips": "CutClips",
    }
    (recipe,) = [module for module in MODULES if module.name == "recipe"]
    assert set(stages) <= {name for name, _ in recipe.own_imports()}
    for module in MODULES:
        named = {name for name, _ in module.own_imports() if name in stages}
        assert module.name in ("recipe", "") or len(named - {module.name}) <= 1, module.name
