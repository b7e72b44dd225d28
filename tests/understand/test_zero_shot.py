from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.errors import ModelError, OptionError
from narratrace.understand.classifier import ClassifyOptions
from narratrace.understand.classify import Classify
from narratrace.understand.domains import DOMAIN_PROMPTS, DOMAINS, OTHER_PROMPTS, TEMPLATES
from narratrace.understand.pictures import decode_jpeg
from tests.understand.media import keyframe, recording, stable, visual

torch = pytest.importorskip("torch")

from narratrace.understand._torchvision import import_torchvision  # noqa: E402

import_torchvision()
open_clip = pytest.importorskip("open_clip")
pytestmark = pytest.mark.usefixtures("one_torch_thread")

TOWERS = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}


def publish(folder, model_cfg, model, weights="open_clip_model.safetensors", **preprocess):
    """A folder as open_clip publishes its models."""
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": model_cfg, "preprocess_cfg": preprocess})
    )
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, folder / weights) if weights.endswith(".safetensors") else torch.save(
        state, folder / weights
    )
    return folder


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory):
    """A tiny CLIP with random weights, and the folder that holds it."""
    torch.manual_seed(0)
    model = open_clip.CLIP(**TOWERS).eval()
    return model, publish(tmp_path_factory.mktemp("clip") / "small", TOWERS, model)


@pytest.fixture
def analysed():
    return replace(recording("a"), visual=visual(tuple(stable(i, i + 0.5, keyframe(i)) for i in range(3))))


def labels(spec, analysed):
    stage = Classify(ClassifyOptions(classifier=spec))
    stage.open()
    (outcome,) = stage.run([analysed])
    stage.close()
    return outcome.value.labels


def expected(model, tokenizer, transform, analysed):
    """Class probabilities by open_clip alone, shape (pictures, classes)."""
    with torch.inference_mode():
        classes = []
        for phrases in [*DOMAIN_PROMPTS.values(), *OTHER_PROMPTS.values()]:
            tokens = tokenizer([template.format(phrase) for phrase in phrases for template in TEMPLATES])
            classes.append(model.encode_text(tokens, normalize=True).mean(0))
        texts = torch.nn.functional.normalize(torch.stack(classes), dim=-1)
        pixels = [transform(decode_jpeg(span.keyframe.jpeg)) for span in analysed.visual.stable_spans]
        images = model.encode_image(torch.stack(pixels), normalize=True)
        return (model.logit_scale.exp() * images @ texts.T).double().softmax(-1).numpy()


def check(found, rows):
    for label, row in zip(found, rows, strict=True):
        assert label.probability == pytest.approx(row[: len(DOMAINS)].sum(), abs=1e-4)
        assert label.medical == (label.probability >= 0.5)
        assert list(label.domains) == list(DOMAINS)
        np.testing.assert_allclose(list(label.domains.values()), row[: len(DOMAINS)], atol=1e-4)


def test_a_published_folder_gives_open_clips_own_probabilities(small_clip, analysed, no_network):
    model, folder = small_clip
    transform = open_clip.image_transform(32, is_train=False)
    rows = expected(model, open_clip.SimpleTokenizer(), transform, analysed)
    assert rows.std(axis=0).max() > 1e-4
    check(labels(f"openclip:{folder}", analysed), rows)


def test_weights_may_lie_elsewhere_and_the_preset_is_followed(small_clip, analysed, tmp_path, no_network):
    model, _ = small_clip
    mean, std = (0.4, 0.4, 0.4), (0.3, 0.3, 0.3)
    options = {"mean": mean, "std": std, "interpolation": "bilinear", "resize_mode": "squash"}
    folder = publish(tmp_path / "small", TOWERS, model, weights="elsewhere.pt", **options)
    with pytest.raises(ModelError, match="no weights were named"):
        labels(f"openclip:{folder}", analysed)
    transform = open_clip.image_transform(
        32, is_train=False, mean=mean, std=std, interpolation="bilinear", resize_mode="squash"
    )
    rows = expected(model, open_clip.SimpleTokenizer(), transform, analysed)
    check(labels(f"openclip:{folder}:{folder / 'elsewhere.pt'}", analysed), rows)


def test_a_hugging_face_text_tower_loads_from_its_folder_alone(analysed, tmp_path, no_network):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, PreTrainedTokenizerFast

    folder = tmp_path / "biomed"
    text = tmp_path / "text"
    words = [
        "[PAD]",
        "[UNK]",
        *sorted({w for p in DOMAIN_PROMPTS.values() for phrase in p for w in phrase.split()}),
    ]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(text)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertConfig(vocab_size=len(words), pad_token_id=0, **size).save_pretrained(text)
    text_cfg = {
        "hf_model_name": "someone/some-bert",
        "hf_tokenizer_name": "someone/some-bert",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 32,
    }
    vision_cfg = {
        **TOWERS["vision_cfg"],
        "timm_model_name": "test_vit",
        "timm_pool": "",
        "timm_proj": "linear",
    }
    vision_cfg |= {"image_size": 160, "timm_model_pretrained": False}
    published = {"embed_dim": 16, "vision_cfg": vision_cfg, "text_cfg": text_cfg}
    local = {**text_cfg, "hf_model_name": str(text), "hf_model_pretrained": False}
    torch.manual_seed(0)
    model = open_clip.CustomTextCLIP(16, vision_cfg, local).eval()
    publish(folder, published, model, weights="open_clip_pytorch_model.bin")
    with pytest.raises(ModelError, match="someone/some-bert"):  # neither in the folder nor in the local cache
        labels(f"openclip:{folder}", analysed)
    for file in text.iterdir():
        file.rename(folder / file.name)
    tokenizer = open_clip.tokenizer.HFTokenizer(str(folder), context_length=32)
    transform = open_clip.image_transform(160, is_train=False)
    check(labels(f"openclip:{folder}", analysed), expected(model, tokenizer, transform, analysed))


def test_weights_of_another_model_are_refused(small_clip, analysed, tmp_path):
    _, folder = small_clip
    other = open_clip.CLIP(**{**TOWERS, "embed_dim": 24})
    torch.save(other.state_dict(), tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"\(64, 24\) instead of \(64, 16\)"):
        labels(f"openclip:{folder}:{tmp_path / 'other.pt'}", analysed)


def test_a_folder_without_configuration_is_refused(tmp_path, analysed):
    with pytest.raises(ModelError, match=r"open_clip_config\.json"):
        labels(f"openclip:{tmp_path}", analysed)
    (tmp_path / "open_clip_config.json").write_text("[]")
    with pytest.raises(ModelError, match="configuration of open_clip"):
        labels(f"openclip:{tmp_path}", analysed)
    (tmp_path / "open_clip_config.json").write_text(
        '{"model_cfg": {"text_cfg": {}, "vision_cfg": {}, "wings": 2}}'
    )
    with pytest.raises(ModelError, match="describes no model"):
        labels(f"openclip:{tmp_path}", analysed)


def test_captioning_models_are_refused(analysed):
    with pytest.raises(OptionError, match="CoCa"):
        labels("openclip:coca_base:weights.pt", analysed)
