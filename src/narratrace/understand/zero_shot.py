"""Zero-shot classification with a text-image model of open_clip (BiomedCLIP, GenMedCLIP, any CLIP).

Pictures are compared with phrases for the twelve imaging domains and for what else screen recordings show
(domains.py). The phrases are embedded once, when the model is loaded; after that only the image tower runs.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from narratrace.errors import MissingDependency, ModelError, OptionError
from narratrace.understand._torchvision import import_torchvision
from narratrace.understand.checkpoints import fit_weights, read_weights
from narratrace.understand.classifier import ClassifierSpec
from narratrace.understand.domains import DOMAIN_PROMPTS, DOMAINS, OTHER_PROMPTS, TEMPLATES
from narratrace.understand.hub import hub_folder
from narratrace.understand.pictures import Fit, PictureInput
from narratrace.understand.torch_classifier import ClassMap

CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""Names under which open_clip publishes weights, safest first."""

PROMPT_BATCH = 64
"""Sentences embedded at a time, which bounds the memory for large text towers."""


def load_zero_shot(
    spec: ClassifierSpec, threshold: float, *, allow_download: bool
) -> tuple[Any, PictureInput, ClassMap]:
    """The torch module from pixels to one similarity per class, its input, and the classes.

    Args:
        spec: An ``openclip`` member: an architecture that open_clip knows and a checkpoint, or a folder as
            published on the hub (``open_clip_config.json``, weights, tokenizer files, and for a Hugging Face
            text tower its ``config.json``), with its own weights or those of another checkpoint.
        threshold: Summed probability of the domains from which a picture is medical.
        allow_download: Whether tokenizer and text configuration may come from the hub.

    Raises:
        OptionError: open_clip does not know the architecture.
        ModelError: a file cannot be read, does not fit, or is not on disk.
        MissingDependency: open_clip is not installed.
    """
    folder = Path(spec.model).expanduser()
    published = _read_config(folder) if folder.is_dir() else {"model_cfg": _known_config(spec.model)}
    try:
        config = _local_config(published["model_cfg"], folder if folder.is_dir() else None, allow_download)
        model = _build(config)
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"the configuration describes no model: {error}", station="classify", input=spec.model
        ) from error
    path = Path(spec.checkpoint).expanduser() if spec.checkpoint else _find_weights(folder)
    _load(model, path, spec.model)
    classes = {**DOMAIN_PROMPTS, **OTHER_PROMPTS}
    scorer = _scorer(model, _embed(model.eval(), _tokenizer(config["text_cfg"]), classes))
    class_map = ClassMap(classes=tuple(classes), medical=frozenset(DOMAINS), threshold=threshold)
    return scorer, _picture(config, published.get("preprocess_cfg", {})), class_map


def _open_clip() -> Any:
    import_torchvision()
    try:
        import open_clip
    except ImportError as error:
        raise MissingDependency(
            f"zero-shot classification needs {error.name or 'open_clip'}",
            station="classify",
            expected="pip install 'narratrace[classify]'",
        ) from error
    return open_clip


def _known_config(name: str) -> dict[str, Any]:
    open_clip = _open_clip()
    config = open_clip.get_model_config(name)
    if config is None:
        known = open_clip.list_models()
        raise OptionError(
            f"{name!r} is neither a folder nor an architecture of open_clip",
            station="classify",
            input="classifier",
            expected=", ".join(difflib.get_close_matches(name, known, n=5) or known[:5]) + " ...",
        )
    return dict(config)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config.get("model_cfg"), dict):
            raise ValueError("no model_cfg")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(
            f"cannot be used: {error}",
            station="classify",
            input=str(path),
            expected="the configuration of open_clip",
        ) from error
    return dict(config)


def _local_config(config: Mapping[str, Any], folder: Path | None, allow_download: bool) -> dict[str, Any]:
    """The configuration with local folders for names of hub repositories, and without base weights."""
    text, vision = dict(config["text_cfg"]), dict(config["vision_cfg"])
    vision["timm_model_pretrained"] = text["hf_model_pretrained"] = False
    for key, proof in (("hf_model_name", "config.json"), ("hf_tokenizer_name", "tokenizer_config.json")):
        if text.get(key):
            name = text[key].removeprefix("hf-hub:")
            beside = folder is not None and (folder / proof).is_file()
            found = folder if beside else hub_folder(name, station="classify", allow_download=allow_download)
            text[key] = str(found)
    return {**config, "text_cfg": text, "vision_cfg": vision}


def _build(config: Mapping[str, Any]) -> Any:
    open_clip, arguments = _open_clip(), dict(config)
    custom = arguments.pop("custom_text", False) or bool(arguments["text_cfg"].get("hf_model_name"))
    if "multimodal_cfg" in arguments:
        raise OptionError(
            "captioning models (CoCa) are not supported",
            station="classify",
            input="classifier",
            expected="a plain text-image model",
        )
    return (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**arguments)


def _find_weights(folder: Path) -> Path:
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelError(
        "no weights were named, and none are there",
        station="classify",
        input=str(folder),
        expected=" or ".join(WEIGHT_FILES),
    )


def _load(model: Any, path: Path, architecture: str) -> None:
    """Weights of every generation of open_clip: older files name the text tower and the scale differently."""
    from open_clip.model import convert_to_custom_text_state_dict

    weights = read_weights(path)
    if "positional_embedding" in weights and hasattr(model, "text"):
        weights = convert_to_custom_text_state_dict(weights)
    weights.pop("text.transformer.embeddings.position_ids", None)
    if "logit_scale" in weights:
        weights["logit_scale"] = weights["logit_scale"].reshape(model.logit_scale.shape)
    fit_weights(model, weights, architecture=architecture, path=path)


def _tokenizer(text: Mapping[str, Any]) -> Any:
    from open_clip.tokenizer import HFTokenizer, SimpleTokenizer

    length, extra = text.get("context_length", 77), dict(text.get("tokenizer_kwargs") or {})
    if text.get("hf_tokenizer_name"):
        mode = text.get("tokenizer_mode")
        return HFTokenizer(text["hf_tokenizer_name"], context_length=length, tokenizer_mode=mode, **extra)
    return SimpleTokenizer(context_length=length, **extra)


def _embed(model: Any, tokenizer: Any, classes: Mapping[str, Sequence[str]]) -> Any:
    """Unit vectors of the classes, shape (classes, dimensions): means over phrases and templates."""
    import torch

    means = []
    with torch.inference_mode():
        for phrases in classes.values():
            tokens = tokenizer([template.format(phrase) for phrase in phrases for template in TEMPLATES])
            vectors = [model.encode_text(part, normalize=True) for part in tokens.split(PROMPT_BATCH)]
            means.append(torch.cat(vectors).mean(dim=0))
    return torch.nn.functional.normalize(torch.stack(means), dim=-1).clone()


def _scorer(model: Any, vectors: Any) -> Any:
    """A module from pixels to scaled cosine similarities with ``vectors``; the text tower is left behind."""
    import torch

    class Scorer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.visual = model.visual
            self.register_buffer("classes", vectors * model.logit_scale.exp().detach())

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            features = torch.nn.functional.normalize(self.visual(pixels).float(), dim=-1)
            with torch.autocast(
                pixels.device.type, enabled=False
            ):  # logits of up to 100 need all their digits
                return features @ self.get_buffer("classes").T

    return Scorer()


def _picture(config: Mapping[str, Any], preprocess: Mapping[str, Any]) -> PictureInput:
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    size = config["vision_cfg"].get("image_size", 224)
    size = size if isinstance(size, int) else int(size[0])
    fits: dict[str, Fit] = {"shortest": "crop", "longest": "pad", "squash": "squash"}
    return PictureInput(
        size=size,
        resize=size,
        fit=fits[preprocess.get("resize_mode") or "shortest"],
        mean=tuple(preprocess.get("mean") or OPENAI_DATASET_MEAN),
        std=tuple(preprocess.get("std") or OPENAI_DATASET_STD),
        interpolation="bilinear" if preprocess.get("interpolation") == "bilinear" else "bicubic",
    )
