"""From the training state to the folder that faster-whisper loads."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from ctranslate2.converters import TransformersConverter
from transformers import PreTrainedTokenizerFast, WhisperFeatureExtractor

from .network import Trainee
from .tokenizer import Vocabulary


def convert(work: Path, out: Path) -> None:
    """Writes the weights of ``work/state.pt`` as int8, with the tokenizer and Whisper's feature settings."""
    state = torch.load(work / "state.pt", weights_only=True)
    vocabulary = Vocabulary()
    trainee = Trainee(vocabulary, state["phonemes"])
    trainee.load_state_dict(state["trainee"])
    with tempfile.TemporaryDirectory() as folder:
        trainee.whisper.save_pretrained(folder)
        WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=vocabulary.tokenizer, eos_token="<|endoftext|>")
        tokenizer.save_pretrained(folder)
        converter = TransformersConverter(folder, copy_files=["tokenizer.json", "preprocessor_config.json"])
        converter.convert(str(out), quantization="int8", force=True)
