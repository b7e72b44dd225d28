"""Throughput of the model stages: real architectures, random weights, which are as fast as trained ones."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

WINDOW_S = 30.0
TURBO = {"d_model": 1280, "encoder_layers": 32, "decoder_layers": 4, "heads": 20, "ffn": 5120, "mels": 128}
"""Architecture of large-v3-turbo."""

PROMPT = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>"]

TOKENS = 96
"""Most tokens decoded of a window, about what 30 s of lecturing takes."""


def classifier_rates(
    sizes: tuple[int, ...] = (1, 16, 64, 256), arch: str = "convnext_tiny"
) -> list[dict[str, Any]]:
    """Images a second of the classifier's forward pass, by batch size."""
    from narratrace.understand._torchvision import import_torchvision
    from narratrace.understand.pictures import PictureInput
    from narratrace.understand.torch_classifier import ClassMap, TorchClassifier

    model = import_torchvision().models.get_model(arch, weights=None, num_classes=2)
    picture = PictureInput(size=224, resize=256, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    classes = ClassMap(("non-medical", "medical"), frozenset({"medical"}))
    classifier = TorchClassifier(model, picture, classes, device="cuda:0", precision="auto")
    rows = []
    for size in sizes:
        pixels = np.random.default_rng(0).normal(size=(size, 3, 224, 224)).astype(np.float32)
        for _ in range(3):
            classifier.outputs(pixels)
        begun, rounds = time.perf_counter(), 0
        while time.perf_counter() - begun < 2.0:
            classifier.outputs(pixels)
            rounds += 1
        rows.append({"arch": arch, "batch": size, "images_s": rounds * size / (time.perf_counter() - begun)})
    return rows


def asr_rates(sizes: tuple[int, ...] = (1, 8, 16, 32)) -> list[dict[str, Any]]:
    """Times real time of encoder and greedy decoder on full windows, by windows a batch."""
    import ctranslate2

    with tempfile.TemporaryDirectory() as folder:
        path = random_whisper(Path(folder), TURBO, 51866, "cuda", "float16")
        model = ctranslate2.models.Whisper(str(path), device="cuda", compute_type="float16")
        rows = []
        for size in sizes:
            features = np.zeros((size, TURBO["mels"], 3000), np.float32)
            view = ctranslate2.StorageView.from_array(features)

            def work(view: Any = view, size: int = size) -> int:
                encoded = model.encode(view, to_cpu=False)
                found = model.generate(
                    encoded, [PROMPT] * size, beam_size=1, max_length=TOKENS, suppress_blank=False
                )
                return len(found[0].sequences_ids[0])

            tokens = work()
            begun, rounds = time.perf_counter(), 0
            while time.perf_counter() - begun < 4.0:
                work()
                rounds += 1
            took = time.perf_counter() - begun
            rows.append({"windows": size, "tokens": tokens, "x_real_time": rounds * size * WINDOW_S / took})
        return rows


def random_whisper(
    folder: Path, shape: dict[str, int], vocabulary: int, device: str, quantization: str
) -> Path:
    """A CTranslate2 model of a Whisper architecture with random weights.

    Args:
        folder: Where to write it.
        shape: As :data:`TURBO`.
        vocabulary: Tokens it knows.
        device: Where torch draws the weights.
        quantization: A CTranslate2 type.
    """
    from narratrace.understand._torchvision import import_torchvision

    import_torchvision()
    import torch
    from ctranslate2.converters import TransformersConverter
    from tests.understand.tiny_whisper import build_tiny_whisper
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    source = build_tiny_whisper(folder / "tiny").parent / "transformers"  # lends its tokenizer's files
    config = WhisperConfig.from_pretrained(source)
    config.update({"d_model": shape["d_model"], "num_mel_bins": shape["mels"], "vocab_size": vocabulary})
    for part in ("encoder", "decoder"):
        sizes = {
            "layers": shape[f"{part}_layers"],
            "attention_heads": shape["heads"],
            "ffn_dim": shape["ffn"],
        }
        config.update({f"{part}_{name}": size for name, size in sizes.items()})
    with torch.device(device):
        model = WhisperForConditionalGeneration(config)
    model.save_pretrained(source)
    target = folder / "model"
    TransformersConverter(str(source)).convert(str(target), quantization=quantization)
    return target
