"""A very small Whisper that reads real words, trained from nothing on synthetic narration.

    python -m benchmarks.speech corpus   WORK    speak the sentences, keep their spectrograms
    python -m benchmarks.speech train    WORK    train; stop and start it as often as you like
    python -m benchmarks.speech convert  WORK OUT
    python -m benchmarks.speech evaluate WORK MODEL

Needs espeak-ng, torch, transformers, tokenizers, ctranslate2 and faster-whisper. It exists because no weights
can be fetched where the tests run: what they need is a recogniser whose text and word times are right, not
one that knows the language. This one knows the closed vocabulary of `phrases` in the voices of espeak-ng and
nothing else.

How an hour or two of two processor cores are enough
  encoder     is told what is spoken when, which the synthesiser knows: half-way the phoneme, at its end the
              word; besides, a CTC loss on the phonemes of the window.
  attention   two heads of the last decoder layer are told where each word lies; they become the alignment
              heads that word times are read from.
  windows     most steps see a few seconds at a random place of the 30 s, the last ones all of them.
  spectrograms  are kept, and mixed with noise, tilted and joined afresh for every window.
  optimiser   Muon for the layers' matrices takes far fewer steps than AdamW.
"""
