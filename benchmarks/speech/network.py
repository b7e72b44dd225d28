"""A transformers Whisper run by hand: any length of window, attention weights at hand, a CTC head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

from .tokenizer import Vocabulary
from .windows import IGNORED, Batch

WIDTH, HEADS, ENCODER_LAYERS, DECODER_LAYERS = 160, 4, 4, 3
ALIGNMENT_HEADS = ((DECODER_LAYERS - 1, 0), (DECODER_LAYERS - 1, 1))
"""Layer and head: those told where the next word is."""

FINDING_HEADS = ((0, 0), (1, 0), (1, 1))
"""Those told where the word just written is, which is the way to the next one."""


def new_whisper(vocabulary: Vocabulary) -> WhisperForConditionalGeneration:
    """Random weights, apart from the time tokens: they start as the encoder's own code of that position."""
    special = {
        "pad_token_id": vocabulary.end,
        "bos_token_id": vocabulary.end,
        "eos_token_id": vocabulary.end,
        "decoder_start_token_id": vocabulary.start,
        "suppress_tokens": [],
        "begin_suppress_tokens": [vocabulary.end],
    }
    config = WhisperConfig(
        vocab_size=vocabulary.size, num_mel_bins=80, d_model=WIDTH, encoder_layers=ENCODER_LAYERS,
        decoder_layers=DECODER_LAYERS, encoder_attention_heads=HEADS, decoder_attention_heads=HEADS,
        encoder_ffn_dim=4 * WIDTH, decoder_ffn_dim=4 * WIDTH, **special,
    )  # fmt: skip
    whisper = WhisperForConditionalGeneration(config)
    whisper.generation_config = GenerationConfig(
        no_timestamps_token_id=vocabulary.no_times, is_multilingual=False, max_length=448,
        alignment_heads=[list(head) for head in ALIGNMENT_HEADS], **special,
    )  # fmt: skip
    with torch.no_grad():
        code = whisper.model.encoder.embed_positions.weight
        decoder = whisper.model.decoder
        decoder.embed_tokens.weight[vocabulary.first_time :][:1500] = 0.03 * code
        decoder.embed_positions.weight.copy_(0.03 * code[:448])
    return whisper


class Trainee(nn.Module):
    """The network and its losses."""

    def __init__(self, vocabulary: Vocabulary, phonemes: int) -> None:
        super().__init__()
        self.whisper = new_whisper(vocabulary)
        self.phonemes = nn.Linear(WIDTH, phonemes + 1)
        self.sounds = nn.Linear(WIDTH, phonemes + 1)
        self.words = nn.Linear(WIDTH, vocabulary.end + 1)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Losses by name.

        ``text``: the decoder's; ``ctc``: the encoder's, of phonemes; ``heard`` and ``sounds``: the encoder's,
        of the word and of the phoneme that is being spoken; ``place``: of the attention.
        """
        sound, middle = self.encode(batch.mel, batch.offset)
        states, attention = self.decode(batch.inputs, sound)
        logits = functional.linear(states, self.whisper.model.decoder.embed_tokens.weight)
        text = functional.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED)
        heard = functional.cross_entropy(self.words(sound).flatten(0, 1), batch.heard.flatten())
        sounds = functional.cross_entropy(self.sounds(middle).flatten(0, 1), batch.sounds.flatten())
        place = place_loss(attention[:, len(FINDING_HEADS) :], batch.spans)
        place = place + place_loss(attention[:, : len(FINDING_HEADS), 1:], batch.spans[:, :-1])
        ctc = self._ctc(sound, batch)
        return {"text": text, "ctc": ctc, "heard": heard, "sounds": sounds, "place": place}

    def _ctc(self, sound: Tensor, batch: Batch) -> Tensor:
        scores = self.phonemes(sound).float().log_softmax(-1).transpose(0, 1)
        lengths = torch.full((len(batch.mel),), len(scores))
        loss = functional.ctc_loss(
            scores, batch.phonemes, lengths, batch.phoneme_lengths, reduction="sum", zero_infinity=True
        )
        return loss / max(1, len(batch.phonemes))

    def encode(self, mel: Tensor, offset: int = 0) -> tuple[Tensor, Tensor]:
        """(batch, 80, frames) to (batch, frames / 2, width), as if it began at this position of the 30 s.

        Returns:
            The encoder's output, and what it knows half-way.
        """
        encoder = self.whisper.model.encoder
        x = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).transpose(1, 2)
        x = x + encoder.embed_positions.weight[offset : offset + x.shape[1]]
        middle = x
        for k, layer in enumerate(encoder.layers):
            if k == ENCODER_LAYERS // 2:
                middle = functional.layer_norm(x, x.shape[-1:])
            y = layer.self_attn_layer_norm(x)
            x = x + attend(layer.self_attn, y, y)[0]
            x = x + layer.fc2(functional.gelu(layer.fc1(layer.final_layer_norm(x))))
        return encoder.layer_norm(x), middle

    def decode(self, ids: Tensor, sound: Tensor) -> tuple[Tensor, Tensor]:
        """States (batch, tokens, width) and scores of the told heads (batch, heads, tokens, frames)."""
        decoder = self.whisper.model.decoder
        x = decoder.embed_tokens(ids) + decoder.embed_positions.weight[: ids.shape[1]]
        watched = []
        for k, layer in enumerate(decoder.layers):
            y = layer.self_attn_layer_norm(x)
            x = x + attend(layer.self_attn, y, y, causal=True)[0]
            y = layer.encoder_attn_layer_norm(x)
            seen, scores = attend(layer.encoder_attn, y, sound)
            x = x + seen
            watched += [scores[:, head] for at, head in (*FINDING_HEADS, *ALIGNMENT_HEADS) if at == k]
            x = x + layer.fc2(functional.gelu(layer.fc1(layer.final_layer_norm(x))))
        return decoder.layer_norm(x), torch.stack(watched, 1)


def attend(module: nn.Module, x: Tensor, memory: Tensor, causal: bool = False) -> tuple[Tensor, Tensor]:
    """Multi-head attention with the weights of a transformers module, spelled out.

    On a processor this is twice as fast as PyTorch's fused attention for windows of a few seconds.

    Returns:
        What is seen (batch, tokens, width), and the scores before the softmax (batch, heads, tokens, frames).
    """
    q, k, v = _heads(module.q_proj(x)), _heads(module.k_proj(memory)), _heads(module.v_proj(memory))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf"), dtype=scores.dtype).triu(1)
    seen = scores.softmax(-1, dtype=scores.dtype) @ v
    return module.out_proj(seen.transpose(1, 2).flatten(2)), scores


def _heads(x: Tensor) -> Tensor:
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)


def place_loss(scores: Tensor, spans: Tensor) -> Tensor:
    """Cross entropy between the attention of a token and an even one over its span."""
    at = torch.arange(scores.shape[-1])
    begin, end = spans[..., 0, None].round(), spans[..., 1, None].round()
    inside = (at >= begin) & (at < torch.maximum(end, begin + 2)) & (end >= 0)  # (batch, tokens, frames)
    share = inside / inside.sum(-1, keepdim=True).clamp(min=1)
    loss = -(share[:, None] * scores.float().log_softmax(-1)).sum(-1)  # (batch, heads, tokens)
    # An even attention cannot do better than the logarithm of its length: subtract that.
    least = inside.sum(-1).clamp(min=1).float().log()
    told = inside.any(-1)[:, None].expand_as(loss)
    return (loss - least[:, None])[told].mean() if told.any() else scores.sum() * 0
