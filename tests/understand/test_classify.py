from __future__ import annotations

import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.data.frames import Image
from narratrace.data.outcome import Failed, Kept
from narratrace.device import why_not_torch
from narratrace.errors import DeviceError, MissingDependency, ModelError, OptionError
from narratrace.pipeline.stage import Stage
from narratrace.understand.classifier import ClassifyOptions, combine
from narratrace.understand.classify import NEUTRAL, Classify, fill
from narratrace.understand.pictures import PictureInput, decode_jpeg
from tests.support.cuda import require_card
from tests.understand.media import keyframe, picture, recording, stable, visual

torch = pytest.importorskip("torch")

from narratrace.understand._torchvision import import_torchvision  # noqa: E402

torchvision = import_torchvision()
pytest.importorskip("timm")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def save(folder, name, model):
    path = folder / name
    torch.save(model.state_dict(), path)
    return str(path)


def random_model(architecture, outputs, seed=0):
    """An architecture of torchvision with random weights, normalised so that pictures make a difference."""
    torch.manual_seed(seed)
    model = torchvision.models.get_model(architecture, weights=None, num_classes=outputs)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    pixels = torch.randn(4, 3, 8, 8).repeat_interleave(12, 2).repeat_interleave(12, 3)
    with torch.no_grad():
        model.train()(pixels)
        outputs = model.eval()(pixels)
        *_, weight, bias = model.parameters()
        weight /= outputs.std(0)[:, None]
        bias.sub_(outputs.mean(0)).div_(outputs.std(0))
    return model


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Spec members of small architectures with random weights."""
    folder = tmp_path_factory.mktemp("checkpoints")
    shuffle = save(folder, "shuffle.pt", random_model("shufflenet_v2_x0_5", 2))
    mobile = save(folder, "mobile.pt", random_model("mobilenet_v3_small", 3, seed=1))
    labels = folder / "mobile.json"
    labels.write_text(
        json.dumps({"classes": ["other", "CT", "MRI"], "medical": ["CT", "MRI"], "threshold": 0.7})
    )
    return {
        "shuffle": f"torchvision:shufflenet_v2_x0_5:{shuffle}",
        "mobile": f"torchvision:mobilenet_v3_small:{mobile}:{labels}",
    }


def analysed(video_id, *images, groups=None):
    spans = tuple(
        stable(10.0 * i, 10.0 * i + 5, image, group=groups[i] if groups else i)
        for i, image in enumerate(images)
    )
    return replace(recording(video_id), visual=visual(spans))


def run(spec, recordings, **options):
    stage = Classify(ClassifyOptions(classifier=spec, **options))
    stage.open()
    try:
        return stage.run(recordings)
    finally:
        stage.close()


def probabilities(outcome):
    assert isinstance(outcome, Kept), outcome
    return [label.probability for label in outcome.value.labels]


# --- preprocessing


@pytest.mark.parametrize(
    "architecture", ["shufflenet_v2_x0_5", "convnext_tiny", "efficientnet_b0", "vit_b_16"]
)
@pytest.mark.parametrize("size", [(320, 180), (1280, 720), (333, 517), (853, 479)])
def test_pictures_are_prepared_as_torchvision_prepares_them(architecture, size):
    from narratrace.understand.supervised import _torchvision

    theirs = torchvision.models.get_model_weights(architecture).DEFAULT.transforms()
    ours = _torchvision(architecture).preset
    np.testing.assert_allclose(ours.prepare(picture(1, size)), theirs(picture(1, size)).numpy(), atol=1e-6)


def test_other_fits_keep_the_whole_picture():
    numbers = {"size": 64, "resize": 64, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    wide = picture(3, (320, 180))
    padded = PictureInput(fit="pad", **numbers).prepare(wide)
    assert padded.shape == (3, 64, 64)
    assert padded[:, :13].max() == 0 == padded[:, -13:].max()
    inside = np.asarray(wide.resize((64, 36), 2), np.float32).transpose(2, 0, 1) / 255
    np.testing.assert_array_equal(padded[:, 14:50], inside)
    squashed = PictureInput(fit="squash", **numbers).prepare(wide)
    np.testing.assert_array_equal(
        squashed, np.asarray(wide.resize((64, 64), 2), np.float32).transpose(2, 0, 1) / 255
    )


# --- the whole stage against torch itself


def test_labels_are_what_torch_computes(checkpoints):
    images = [keyframe(seed) for seed in range(5)]
    (outcome,) = run(checkpoints["mobile"], [analysed("a", *images)], batch_size=2)
    model = random_model("mobilenet_v3_small", 3, seed=1)
    prepare = torchvision.models.get_model_weights("mobilenet_v3_small").DEFAULT.transforms()
    with torch.inference_mode():
        logits = model(torch.stack([prepare(decode_jpeg(image.jpeg)) for image in images]))
        expected = logits.double().softmax(1).numpy()
    assert expected[:, 0].std() > 0.02
    for label, row in zip(outcome.value.labels, expected, strict=True):
        assert label.probability == pytest.approx(row[1] + row[2], abs=1e-5)
        assert label.domains == {
            "CT": pytest.approx(row[1], abs=1e-5),
            "MRI": pytest.approx(row[2], abs=1e-5),
        }
        assert label.medical == (label.probability >= 0.7)


def test_an_ensemble_combines_its_members(checkpoints):
    batch = [analysed("a", *(keyframe(seed) for seed in range(3)))]
    shuffle, mobile = (run(checkpoints[name], batch)[0].value.labels for name in ("shuffle", "mobile"))
    (both,) = run("+".join(checkpoints.values()), batch, rule="mean", threshold=0.6)
    for *members, label in zip(shuffle, mobile, both.value.labels, strict=True):
        assert label == combine(members, "mean", 0.6)
        assert set(label.domains) == {"CT", "MRI"}


def test_labels_stay_with_their_recording_however_the_batches_fall(checkpoints):
    seeds = {f"v{i}": list(range(10 * i, 10 * i + i % 4)) for i in range(9)}  # 0 to 3 keyframes each
    everything = [seed for group in seeds.values() for seed in group]
    (all_at_once,) = run(checkpoints["shuffle"], [analysed("all", *map(keyframe, everything))])
    truth = dict(zip(everything, probabilities(all_at_once), strict=True))
    assert len({round(p, 6) for p in truth.values()}) == len(everything)

    def shuffled(job):
        number, size = job
        names = random.Random(number).sample(sorted(seeds), len(seeds))
        outcomes = run(
            checkpoints["shuffle"], [analysed(n, *map(keyframe, seeds[n])) for n in names], batch_size=size
        )
        return names, outcomes

    with ThreadPoolExecutor(4) as pool:
        for names, outcomes in pool.map(shuffled, enumerate((1, 2, 3, 5, 64))):
            assert [outcome.value.video_id for outcome in outcomes] == names
            for name, outcome in zip(names, outcomes, strict=True):
                assert probabilities(outcome) == pytest.approx(
                    [truth[seed] for seed in seeds[name]], abs=1e-5
                )


def test_a_damaged_keyframe_ends_its_recording_only(checkpoints):
    damaged = Image(keyframe(1).jpeg[:40], 320, 180)
    a, b, c = run(
        checkpoints["shuffle"],
        [analysed("a", keyframe(0)), analysed("b", keyframe(1), damaged), analysed("c", keyframe(2))],
    )
    assert isinstance(b, Failed)
    assert (b.video_id, b.station, b.retryable) == ("b", "classify", False)
    assert len(probabilities(a)) == len(probabilities(c)) == 1


def test_without_a_classifier_there_are_no_labels():
    before = analysed("a", keyframe(0))
    (outcome,) = run("none", [before])
    assert outcome.value is before
    assert outcome.value.labels is None


def test_spans_without_a_picture_take_their_groups_label_or_a_neutral_one(checkpoints):
    spans = (None, keyframe(1), None, keyframe(2), None)
    (outcome,) = run(checkpoints["shuffle"], [analysed("a", *spans, groups=(0, 1, 1, 3, 0))])
    labels = outcome.value.labels
    assert labels[2] == labels[1] != labels[3]
    assert labels[0] is NEUTRAL
    assert labels[4] is NEUTRAL
    assert NEUTRAL.medical
    assert fill((), {}) == ()


def test_the_stage_meets_the_contract_and_pickles_before_it_is_opened(checkpoints):
    stage = Classify(ClassifyOptions(classifier=checkpoints["shuffle"]))
    assert isinstance(stage, Stage)
    stage = pickle.loads(pickle.dumps(stage))
    stage.open()
    assert isinstance(stage.run([analysed("a", keyframe(0))])[0], Kept)
    stage.close()


def test_threads_are_bounded_as_asked(checkpoints):
    torch.set_num_threads(2)
    run(checkpoints["shuffle"], [], cpu_threads=1)
    assert torch.get_num_threads() == 1


def test_bfloat16_is_torchs_autocast(checkpoints):
    (outcome,) = run(checkpoints["shuffle"], [analysed("a", keyframe(0), keyframe(1))], precision="bfloat16")
    prepare = torchvision.models.get_model_weights("shufflenet_v2_x0_5").DEFAULT.transforms()
    pixels = torch.stack([prepare(decode_jpeg(keyframe(seed).jpeg)) for seed in (0, 1)])
    model = random_model("shufflenet_v2_x0_5", 2)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        expected = model(pixels).double().softmax(1)[:, 1]
    assert probabilities(outcome) == pytest.approx(expected.tolist(), abs=1e-9)


# --- checkpoints and labels


def test_safetensors_and_training_wrappers_hold_the_same_weights(tmp_path):
    from safetensors.torch import save_file

    state = random_model("shufflenet_v2_x0_5", 2).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    wrapped = {"epoch": 3, "state_dict": {f"module.model.{name}": tensor for name, tensor in state.items()}}
    torch.save(wrapped, tmp_path / "w.ckpt")
    batch = [analysed("a", keyframe(0), keyframe(1))]
    a, b = (
        run(f"torchvision:shufflenet_v2_x0_5:{tmp_path / name}", batch)[0]
        for name in ("w.safetensors", "w.ckpt")
    )
    assert probabilities(a) == probabilities(b)


def test_a_single_output_is_the_logit_of_medical(tmp_path):
    model = random_model("shufflenet_v2_x0_5", 1)
    spec = f"torchvision:shufflenet_v2_x0_5:{save(tmp_path, 'w.pt', model)}"
    (outcome,) = run(spec, [analysed("a", keyframe(0))])
    prepare = torchvision.models.get_model_weights("shufflenet_v2_x0_5").DEFAULT.transforms()
    with torch.inference_mode():
        expected = model(prepare(decode_jpeg(keyframe(0).jpeg))[None]).sigmoid().item()
    assert probabilities(outcome) == pytest.approx([expected], abs=1e-5)


def test_architectures_of_timm_load_as_well(tmp_path):
    import timm

    torch.manual_seed(0)
    model = timm.create_model("test_vit.r160_in1k", num_classes=2).eval()
    spec = f"timm:test_vit.r160_in1k:{save(tmp_path, 'w.pt', model)}"
    (outcome,) = run(spec, [analysed("a", keyframe(0))])
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    with torch.inference_mode():
        expected = model(prepare(decode_jpeg(keyframe(0).jpeg))[None]).softmax(1)[0, 1].item()
    assert probabilities(outcome) == pytest.approx([expected], abs=1e-4)


def test_a_labels_file_can_change_the_input(tmp_path):
    path = save(tmp_path, "w.pt", random_model("shufflenet_v2_x0_5", 2))
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"classes": ["no", "medical"], "image": {"size": 96, "fit": "squash"}}))
    (outcome,) = run(f"torchvision:shufflenet_v2_x0_5:{path}:{labels}", [analysed("a", keyframe(0))])
    small = np.asarray(decode_jpeg(keyframe(0).jpeg).resize((96, 96), 2), np.float32) / 255
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(((small - mean) / std).transpose(2, 0, 1))
    with torch.inference_mode():
        expected = random_model("shufflenet_v2_x0_5", 2)(pixels[None]).softmax(1)[0, 1].item()
    assert probabilities(outcome) == pytest.approx([expected], abs=1e-5)


class Payload:
    """A pickle that would run code."""

    def __reduce__(self):
        return (print, ("this must not be printed",))


@pytest.fixture(scope="module")
def bad_checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    model = random_model("shufflenet_v2_x0_5", 2)
    torch.save({"state_dict": model.state_dict(), "extra": Payload()}, folder / "code.pt")
    torch.save(model, folder / "whole_model.pt")
    torch.save({}, folder / "empty.pt")
    torch.save(random_model("mobilenet_v3_small", 2).state_dict(), folder / "other.pt")
    torch.save({k: v for k, v in model.state_dict().items() if "conv1" not in k}, folder / "partial.pt")
    (folder / "text.pt").write_text("hello")
    (folder / "text.safetensors").write_text("hello")
    (folder / "short.pt").write_bytes((folder / "partial.pt").read_bytes()[:5000])
    five = random_model("shufflenet_v2_x0_5", 5).state_dict()
    torch.save(five, folder / "five.pt")
    (folder / "three.json").write_text('["a", "b", "medical"]')
    (folder / "nomedical.json").write_text('["a", "b"]')
    (folder / "typo.json").write_text('{"classes": ["a", "medical"], "treshold": "high"}')
    (folder / "two.json").write_text('["a", "medical"]')
    save(folder, "good.pt", model)
    return folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("missing.pt", "no such file"),
        ("code.pt", "cannot be read as plain weights"),
        ("whole_model.pt", "cannot be read as plain weights"),
        ("empty.pt", "holds no weights"),
        ("text.pt", "cannot be read"),
        ("text.safetensors", "cannot be read"),
        ("short.pt", "cannot be read"),
        ("partial.pt:two.json", r"no conv1\.0\.weight \(24, 3, 3, 3\)"),
        ("other.pt:two.json", "expected weights of shufflenet_v2_x0_5 with 2 outputs"),
        ("five.pt", "has 5 outputs, and nothing says what they mean"),
        ("five.pt:three.json", r"fc\.weight is \(5, 1024\) instead of \(3, 1024\)"),
        ("good.pt:nomedical.json", "count as medical"),
        ("good.pt:typo.json", "typo.json"),
        ("good.pt:absent.json", "absent.json"),
    ],
)
def test_unusable_checkpoints_and_labels_are_refused_with_what_was_expected(
    bad_checkpoints, files, message, capfd
):
    parts = [str(bad_checkpoints / name) for name in files.split(":")]
    with pytest.raises(ModelError, match=message) as raised:
        run(":".join(["torchvision:shufflenet_v2_x0_5", *parts]), [])
    assert raised.value.station == "classify"
    assert "must not be printed" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("spec", "close"),
    [
        ("torchvision:resnet81:w.pt", "resnet"),
        ("timm:vit_smal:w.pt", "vit"),
        ("openclip:ViT-B-61:w.pt", "ViT-B-16"),
    ],
)
def test_unknown_architectures_are_refused_with_near_names(spec, close):
    with pytest.raises(OptionError, match=close):
        run(spec, [])


def test_an_absent_device_is_an_error(checkpoints):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(DeviceError, match="sees 0 CUDA devices"):
        Classify(ClassifyOptions(classifier=checkpoints["shuffle"]), device="cuda:0").open()


def test_the_missing_extra_is_named(checkpoints, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    with pytest.raises(MissingDependency, match=r"narratrace\[classify\]"):
        Classify(ClassifyOptions(classifier=checkpoints["shuffle"])).open()


@pytest.mark.cuda
def test_cuda_agrees_with_the_cpu(checkpoints):
    require_card(library=why_not_torch)
    batch = [analysed("a", *(keyframe(seed) for seed in range(8)))]
    (cpu,) = run(checkpoints["shuffle"], batch)
    for precision, tolerance in (("float32", 1e-3), ("auto", 0.1)):
        stage = Classify(
            ClassifyOptions(classifier=checkpoints["shuffle"], precision=precision), device="cuda:0"
        )
        stage.open()
        assert probabilities(stage.run(batch)[0]) == pytest.approx(probabilities(cpu), abs=tolerance)
        stage.close()
