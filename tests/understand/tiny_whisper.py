"""A Whisper of 60 thousand random weights in CTranslate2's format: real plumbing, nonsense for text."""

from __future__ import annotations

from pathlib import Path

WORDS = (
    "the",
    "a",
    "this",
    "is",
    "heart",
    "lung",
    "brain",
    "liver",
    "shows",
    "lesion",
    "here",
    "bright",
    "dark",
)
LANGUAGES = ("en", "de", "fr")


def build_tiny_whisper(folder: Path, *, seed: int = 0) -> Path:
    """Write the model under ``folder`` and return the directory that faster-whisper loads."""
    import torch

    from narratrace.understand._torchvision import import_torchvision

    import_torchvision()  # transformers trips over a torchvision whose native library does not fit
    from ctranslate2.converters import TransformersConverter
    from transformers import (
        GenerationConfig,
        PreTrainedTokenizerFast,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    tokenizer = _tokenizer()
    ident = tokenizer.token_to_id
    end = ident("<|endoftext|>")
    special = {
        "pad_token_id": end,
        "bos_token_id": end,
        "eos_token_id": end,
        "decoder_start_token_id": ident("<|startoftranscript|>"),
        "suppress_tokens": [],
        "begin_suppress_tokens": [end],
    }
    size = {f"{part}_{what}": n for part in ("encoder", "decoder") for what, n in _SIZE.items()}
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(), num_mel_bins=80, d_model=32, **size, **special
    )
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():  # plain random weights repeat one word for ever, whatever they hear
        core, words = model.model, ident(f"Ġ{WORDS[0]}")
        core.decoder.embed_tokens.weight[:words] = 0  # no single bytes, so that the text is made of words
        core.decoder.embed_tokens.weight[words:] *= 5
        core.decoder.embed_positions.weight *= 30
        core.encoder.conv1.weight *= 20
        core.encoder.conv2.weight *= 20
        core.decoder.layers[0].encoder_attn.out_proj.weight *= 50
    model.generation_config = GenerationConfig(
        no_timestamps_token_id=ident("<|notimestamps|>"),
        is_multilingual=True,
        lang_to_id={f"<|{code}|>": ident(f"<|{code}|>") for code in LANGUAGES},
        task_to_id={task: ident(f"<|{task}|>") for task in ("translate", "transcribe")},
        alignment_heads=[[0, 0], [0, 1]],
        max_length=448,
        **special,
    )
    source, target = folder / "transformers", folder / "ctranslate2"
    model.save_pretrained(source)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(source)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(source)
    converter = TransformersConverter(str(source), copy_files=["tokenizer.json", "preprocessor_config.json"])
    converter.convert(str(target), quantization="int8")
    return target


_SIZE = {"layers": 1, "attention_heads": 2, "ffn_dim": 64}


def _tokenizer():
    """Single bytes, a few whole words with their leading space, and Whisper's special and time tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    entries = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(f"Ġ{word}" for word in WORDS)]
    tokenizer = Tokenizer(models.BPE(vocab={entry: i for i, entry in enumerate(entries)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = [
        "endoftext",
        "startoftranscript",
        *LANGUAGES,
        "translate",
        "transcribe",
        "startoflm",
        "startofprev",
    ]
    names += ["nospeech", "notimestamps"]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", normalized=False) for name in names])
    tokenizer.add_tokens([AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(1501)])
    return tokenizer
