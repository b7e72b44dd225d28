"""Training on a processor within an hour or two, in as many sittings as it takes."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from .corpus import Corpus
from .network import Trainee
from .tokenizer import Vocabulary
from .windows import Batch, WindowMaker

WEIGHTS = {"text": 1.0, "ctc": 0.4, "heard": 0.5, "sounds": 0.5, "place": 0.3}
PEAK_RATE, WARMUP_STEPS = 1.5e-3, 150
SHORT_ONLY = 0.35
"""Share of the time in which no window is 30 s long."""

SAVE_EVERY_S = 120


def train(work: Path, hours: float, threads: int) -> None:
    """Trains until the work of all sittings sums up to `hours`; the state is in ``work/state.pt``.

    What happens when depends on the processor time spent: a schedule ends as planned, and a busy machine
    makes no difference but to the clock.
    """
    torch.set_num_threads(threads)
    vocabulary, corpus = Vocabulary(), Corpus(work)
    torch.manual_seed(0)
    trainee = Trainee(vocabulary, len(corpus.phonemes))
    optimisers = _optimisers(trainee)
    spent, step = _load(work, trainee, optimisers)
    maker = WindowMaker(corpus, vocabulary, np.random.default_rng((step, 7)))
    losses, saved = defaultdict(list), spent
    while (done := spent / (3600 * hours)) < 1:
        begun = time.process_time()
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = _rate(step, done)
        found = _step(trainee, optimisers, _draw(maker, done))
        step += 1
        spent += (time.process_time() - begun) / threads
        for name, value in found.items():
            losses[name].append(value)
        if step % 50 == 0:
            figures = " ".join(f"{name} {np.mean(values):.3f}" for name, values in losses.items())
            print(f"{step} {100 * done:.1f} % {figures} rate {_rate(step, done):.5f}", flush=True)
            losses.clear()
        if spent - saved > SAVE_EVERY_S:
            _save(work, trainee, optimisers, spent, step)
            saved = spent
    _save(work, trainee, optimisers, spent, step)


def _draw(maker: WindowMaker, done: float) -> Batch:
    """About a minute of sound."""
    if done > SHORT_ONLY and maker.chance(0.5):
        return maker.full(2)
    longest = 5 + 7 * min(1, done / SHORT_ONLY)
    seconds = maker.between(3.5, longest)
    return maker.short(round(60 / seconds), seconds)


def _rate(step: int, done: float) -> float:
    return PEAK_RATE * min(1, (step + 1) / WARMUP_STEPS) * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))


def _optimisers(trainee: Trainee) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, which takes fewer steps, and AdamW for the rest."""
    matrices = [p for name, p in trainee.named_parameters() if ".layers." in name and p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in trainee.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, PEAK_RATE, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, PEAK_RATE, (0.9, 0.98), weight_decay=0.01),
    ]


def _step(trainee: Trainee, optimisers: list[torch.optim.Optimizer], batch: Batch) -> dict[str, float]:
    # Processors of the AVX2 generation emulate bfloat16, many times slower than they compute float32.
    with torch.autocast("cpu", torch.bfloat16, enabled=torch.backends.cpu.get_cpu_capability() != "AVX2"):
        losses = trainee(batch)
    trainee.zero_grad()
    torch.stack([WEIGHTS[name] * loss for name, loss in losses.items()]).sum().backward()
    torch.nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
    return {name: float(loss.detach()) for name, loss in losses.items()}


def _load(work: Path, trainee: Trainee, optimisers: list[torch.optim.Optimizer]) -> tuple[float, int]:
    """Seconds spent and steps done before."""
    path = work / "state.pt"
    if not path.exists():
        return 0.0, 0
    state = torch.load(path, weights_only=True)
    trainee.load_state_dict(state["trainee"])
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    return state["spent"], state["step"]


def _save(
    work: Path, trainee: Trainee, optimisers: list[torch.optim.Optimizer], spent: float, step: int
) -> None:
    state = {
        "trainee": trainee.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "spent": spent,
        "step": step,
        "phonemes": trainee.phonemes.out_features - 1,
    }
    torch.save(state, work / "state.tmp")
    (work / "state.tmp").replace(work / "state.pt")
