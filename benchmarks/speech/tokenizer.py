"""Byte-level BPE whose every word is one token, with Whisper's special and time tokens."""

from __future__ import annotations

import re

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from .phrases import vocabulary

SPECIAL = (
    "endoftext", "startoftranscript", "en", "translate", "transcribe", "startoflm", "startofprev", "nospeech",
    "notimestamps",
)  # fmt: skip
TIME_STEP_S, TIMES = 0.02, 1501


def make_tokenizer() -> Tokenizer:
    """Single bytes first, so that any text can be written, then the words with their leading space."""
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces = {
        piece for words in vocabulary() for word in words for piece, _ in letters.pre_tokenize_str(f" {word}")
    }
    single = sorted(pre_tokenizers.ByteLevel.alphabet())
    entries = [*single, *sorted(pieces - set(single))]
    model = models.BPE(vocab={entry: i for i, entry in enumerate(entries)}, merges=[], ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer, tokenizer.decoder = letters, decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", normalized=False) for name in SPECIAL])
    times = [AddedToken(f"<|{i * TIME_STEP_S:.2f}|>", normalized=False) for i in range(TIMES)]
    tokenizer.add_tokens(times)
    return tokenizer


class Vocabulary:
    """Ids of what the targets are made of."""

    def __init__(self) -> None:
        self.tokenizer = make_tokenizer()
        ident = self.tokenizer.token_to_id
        self.size = self.tokenizer.get_vocab_size()
        self.end, self.start = ident("<|endoftext|>"), ident("<|startoftranscript|>")
        self.previous, self.no_speech = ident("<|startofprev|>"), ident("<|nospeech|>")
        self.no_times, self.first_time = ident("<|notimestamps|>"), ident("<|0.00|>")

    def time(self, seconds: float) -> int:
        """The token of a time, to the tenth of a second."""
        return self.first_time + 5 * round(min(max(seconds, 0), 30) * 10)

    def word(self, text: str) -> tuple[list[int], list[int]]:
        """The tokens of a word, and those of the punctuation after it."""
        match = re.fullmatch(r"(.*?)([.,?]*)", text)
        assert match
        ids = self.tokenizer.encode(f" {match[1]}").ids
        return ids, self.tokenizer.encode(match[2]).ids if match[2] else []
