"""A Whisper of a real architecture with random weights: as fast as a trained one, and as good as none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TURBO = {"d_model": 1280, "encoder_layers": 32, "decoder_layers": 4, "heads": 20, "ffn": 5120, "mels": 128}
"""Architecture of large-v3-turbo."""

WORDS, LANGUAGES, TIMES = 50_257, 100, 1501
"""Tokens of large-v3: text below the special ones, then languages, and times in steps of 20 ms."""


def random_whisper(folder: Path, shape: dict[str, int], device: str, quantization: str) -> Path:
    """The folder of such a model, as faster-whisper loads it.

    Args:
        folder: Where to write it.
        shape: As :data:`TURBO`.
        device: Where torch draws the weights.
        quantization: A CTranslate2 type.
    """
    from narratrace.understand._torchvision import import_torchvision

    import_torchvision()  # transformers trips over a torchvision whose native library does not fit
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import (
        GenerationConfig,
        PreTrainedTokenizerFast,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    tokenizer = make_tokenizer()
    ident, end = tokenizer.token_to_id, tokenizer.token_to_id("<|endoftext|>")
    special = {"pad_token_id": end, "bos_token_id": end, "eos_token_id": end}
    special |= {"decoder_start_token_id": end + 1, "suppress_tokens": [], "begin_suppress_tokens": [end]}
    sizes = {
        f"{part}_{name}": value
        for part in ("encoder", "decoder")
        for name, value in (
            ("layers", shape[f"{part}_layers"]),
            ("attention_heads", shape["heads"]),
            ("ffn_dim", shape["ffn"]),
        )
    }
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        num_mel_bins=shape["mels"],
        d_model=shape["d_model"],
        **sizes,
        **special,
    )
    with torch.device(device):
        model = WhisperForConditionalGeneration(config)
    if quantization == "float16":
        model = model.half()
    last = shape["decoder_layers"] - 1
    model.generation_config = GenerationConfig(
        no_timestamps_token_id=ident("<|notimestamps|>"),
        is_multilingual=True,
        lang_to_id={"<|en|>": ident("<|en|>")},
        task_to_id={task: ident(f"<|{task}|>") for task in ("translate", "transcribe")},
        alignment_heads=[[last, head] for head in range(min(6, shape["heads"]))],
        max_length=448,
        **special,
    )
    source, target = folder / "transformers", folder / "model"
    model.save_pretrained(source)
    WhisperFeatureExtractor(feature_size=shape["mels"]).save_pretrained(source)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(source)
    converter = TransformersConverter(str(source), copy_files=["tokenizer.json", "preprocessor_config.json"])
    converter.convert(str(target), quantization=quantization)
    return target


def make_tokenizer() -> Any:
    """Single bytes and made-up words, laid out like large-v3's tokens, so that nearly all tokens are text."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    entries = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries += [f"Ġw{number}" for number in range(WORDS - len(entries))]
    tokenizer = Tokenizer(models.BPE(vocab={entry: i for i, entry in enumerate(entries)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    languages = ["en", *(f"x{number}" for number in range(1, LANGUAGES))]
    names = ["endoftext", "startoftranscript", *languages, "translate", "transcribe"]
    names += ["startoflm", "startofprev", "nospeech", "notimestamps"]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", normalized=False) for name in names])
    tokenizer.add_tokens([AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(TIMES)])
    return tokenizer
