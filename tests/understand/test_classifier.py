from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.data.analysis import FrameLabel
from narratrace.errors import OptionError
from narratrace.options import from_mapping, validate
from narratrace.understand.classifier import ClassifierSpec, ClassifyOptions, combine, parse_classifier
from narratrace.understand.domains import DOMAIN_PROMPTS, DOMAINS, OTHER_PROMPTS, TEMPLATES
from narratrace.understand.torch_classifier import ClassMap

probability = st.floats(0, 1)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("none", ()),
        ("torchvision:resnet18:w.pt", (ClassifierSpec("torchvision", "resnet18", "w.pt"),)),
        (
            "torchvision:convnext_tiny:a+b/w.safetensors:classes.json+timm:vit_small_patch16_224.dino:C:\\w.pt",
            (
                ClassifierSpec("torchvision", "convnext_tiny", "a+b/w.safetensors", "classes.json"),
                ClassifierSpec("timm", "vit_small_patch16_224.dino", "C:\\w.pt"),
            ),
        ),
        ("openclip:ViT-B-16:w.bin", (ClassifierSpec("openclip", "ViT-B-16", "w.bin"),)),
        ("openclip:models/a+b:w:1.pt", (ClassifierSpec("openclip", "models/a+b", "w:1.pt"),)),
        ("openclip:models/biomedclip", (ClassifierSpec("openclip", "models/biomedclip"),)),
    ],
)
def test_specs_are_parsed(text, members):
    assert parse_classifier(text) == members


@pytest.mark.parametrize(
    "text", ["", "resnet18", "torchvision:resnet18", "openclip:", "none+openclip:x:y", "keras:a:b"]
)
def test_other_specs_are_refused_with_the_grammar(text):
    with pytest.raises(OptionError, match="torchvision:ARCH:CHECKPOINT"):
        parse_classifier(text)


def test_options_are_validated():
    assert validate(ClassifyOptions()) == ClassifyOptions()
    with pytest.raises(OptionError, match="rule"):
        from_mapping(ClassifyOptions, {"rule": "most"})


def label(medical, p, **domains):
    return FrameLabel(medical=medical, probability=p, domains=domains)


def test_the_published_rule_is_an_or_of_the_members_own_verdicts():
    strict, lenient = label(False, 0.8), label(True, 0.3)
    assert combine([strict, lenient], "any", 0.5) == label(True, 0.8)
    assert combine([strict, label(False, 0.3)], "any", 0.5) == label(False, 0.8)
    assert combine([strict, lenient], "mean", 0.56) == label(False, 0.55)
    assert combine([strict, lenient], "max", 0.8) == label(True, 0.8)


def test_domains_are_averaged_over_the_members_that_know_them():
    both = combine(
        [label(True, 0.9, CT=0.6, MRI=0.2), label(True, 0.9), label(True, 0.9, CT=0.2)], "any", 0.5
    )
    assert both.domains == {"CT": pytest.approx(0.4), "MRI": 0.2}


@given(st.lists(st.tuples(st.booleans(), probability), min_size=1, max_size=5), probability)
def test_every_rule_agrees_with_a_unanimous_ensemble_and_ignores_order(votes, threshold):
    labels = [label(p >= threshold, p) for _, p in votes]
    for rule in ("any", "mean", "max"):
        verdict = combine(labels, rule, threshold)
        assert verdict.medical == combine(labels[::-1], rule, threshold).medical
        assert min(p for _, p in votes) - 1e-12 <= verdict.probability <= max(p for _, p in votes) + 1e-12
        if all(vote.medical for vote in labels) and rule != "mean":
            assert verdict.medical
        if not any(vote.medical for vote in labels) and rule != "mean":
            assert not verdict.medical


@given(st.lists(st.floats(-80, 80), min_size=3, max_size=3))
def test_class_maps_sum_exclusive_classes_and_take_the_largest_of_the_others(logits):
    row = np.array(logits)
    classes = {"classes": ("none", "CT", "MRI"), "medical": frozenset({"CT", "MRI"})}
    soft = ClassMap(**classes).label(row)
    powers = np.exp(row - row.max())
    assert soft.probability == pytest.approx(powers[1:].sum() / powers.sum(), abs=1e-12)
    assert set(soft.domains) == {"CT", "MRI"}
    each = ClassMap(**classes, activation="sigmoid").label(row)
    assert each.probability == pytest.approx(max(1 / (1 + np.exp(-row[1:]))), abs=1e-12)
    for verdict in (soft, each):
        assert verdict.medical == (verdict.probability >= 0.5)


def test_the_prompt_table_covers_twelve_domains_with_distinct_phrases():
    assert len(DOMAINS) == 12
    phrases = [
        phrase for table in (DOMAIN_PROMPTS, OTHER_PROMPTS) for group in table.values() for phrase in group
    ]
    assert len(set(phrases)) == len(phrases)
    assert all(len(group) >= 3 for table in (DOMAIN_PROMPTS, OTHER_PROMPTS) for group in table.values())
    assert all(template.count("{}") == 1 for template in TEMPLATES)
    assert not set(DOMAIN_PROMPTS) & set(OTHER_PROMPTS)
