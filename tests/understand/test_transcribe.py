from __future__ import annotations

import pickle
import random
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.outcome import Failed, Kept
from narratrace.data.transcript import Transcript, Word, join_words
from narratrace.errors import InputError, MissingDependency, ModelError, OptionError
from narratrace.options import from_mapping, validate
from narratrace.pipeline.stage import Stage
from narratrace.timebase import Span
from narratrace.understand.hallucination import RejectionOptions
from narratrace.understand.transcribe import Transcribe
from narratrace.understand.transcriber import (
    DecodingOptions,
    TranscribeOptions,
    TranscriberSpec,
    parse_transcriber,
)
from narratrace.understand.voice import VoiceOptions, voice_regions
from narratrace.understand.whisper_decoder import WhisperDecoder, segments
from narratrace.understand.whisper_model import int8_is_exact, load_model
from tests.understand.media import SPEECH_FILE, read_audio, recording, transcript, visual, write_wav

BELIEVE_ALL = RejectionOptions(
    max_compression_ratio=1e9, max_repeats=10**6, min_avg_logprob=-1e9, no_speech_avg_logprob=-1e9
)
GREEDY = DecodingOptions(beam_size=1, retry_ngram=0)


def read_captions(video):
    """Captions of a recording whose ``captions_uri`` is its text; ``broken`` cannot be read."""
    if video.captions_uri == "broken":
        raise InputError("is not WebVTT", station="source", input="broken")
    return transcript((0, 2, video.captions_uri)) if video.captions_uri else None


def stage(asr, **options):
    return Transcribe(
        TranscribeOptions(asr=str(asr), cpu_threads=1, **options),
        captions_reader=read_captions,
        audio_reader=read_audio,
    )


def run(transcribe, recordings):
    transcribe.open()
    try:
        return transcribe.run(recordings)
    finally:
        transcribe.close()


def words(outcome):
    assert isinstance(outcome, Kept), outcome
    return [(w.text, w.span.start, w.span.end, w.probability) for w in outcome.value.transcript.words]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory, speech):
    """Files with one or two sentences, at different places and lengths, by name."""
    folder = tmp_path_factory.mktemp("sounds")
    first, second = speech[: 4 * SAMPLE_RATE], speech[6 * SAMPLE_RATE :]
    rest = np.zeros(SAMPLE_RATE, np.float32)
    made = {
        "first": first,
        "second": second,
        "both": np.concatenate([first, second]),
        "long": np.concatenate([first, rest, second, second[::2]] * 3),
    }
    return {name: write_wav(folder / f"{name}.wav", samples) for name, samples in made.items()}


# --- which transcriber


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("auto", TranscriberSpec("auto")),
        ("none", TranscriberSpec("none")),
        (" captions ", TranscriberSpec("captions")),
        ("whisper:large-v2", TranscriberSpec("whisper", "large-v2")),
        ("whisper:C:\\models\\tiny", TranscriberSpec("whisper", "C:\\models\\tiny")),
    ],
)
def test_specs_are_parsed_and_printed(text, spec):
    assert parse_transcriber(text) == spec
    assert parse_transcriber(str(spec)) == spec


@pytest.mark.parametrize("text", ["", "whisper", "whisper:", "google", "auto:x", "captions:file.vtt"])
def test_other_specs_are_refused_with_what_is_accepted(text):
    with pytest.raises(OptionError, match="whisper:NAME_OR_FOLDER"):
        parse_transcriber(text)


def test_options_survive_validation_and_name_their_faults():
    assert validate(TranscribeOptions()) == TranscribeOptions()
    assert from_mapping(
        TranscribeOptions, {"decoding": {"temperatures": [0.2, 0.4]}}
    ).decoding.temperatures == (0.2, 0.4)
    with pytest.raises(OptionError, match="batch_windows"):
        from_mapping(TranscribeOptions, {"batch_windows": 0})


def test_the_stage_meets_the_contract_and_pickles_before_it_is_opened():
    made = stage("auto")
    assert isinstance(made, Stage)
    assert isinstance(pickle.loads(pickle.dumps(made)), Transcribe)


# --- captions, none, auto


def test_none_hears_nothing():
    (outcome,) = run(stage("none"), [recording("a")])
    assert outcome.value.transcript == Transcript()


def test_captions_are_read_and_their_absence_and_damage_told_apart():
    recordings = [
        recording("a", captions_uri="hello there"),
        recording("b"),
        recording("c", captions_uri="broken"),
    ]
    a, b, c = run(stage("captions"), recordings)
    assert a.value.transcript.words[1].text == "there"
    assert b.value.transcript.warnings == ("no captions sidecar",)
    assert isinstance(c, Failed)
    assert (c.video_id, c.station, c.message) == ("c", "source", "is not WebVTT")


@pytest.mark.parametrize(
    ("start", "end", "spoken", "left_out"),
    [
        pytest.param(0, 10, "one two three four", "", id="all within"),
        pytest.param(
            0, 1.0, "one two", "2 of 4 words lie outside the video (0.000 s to 1.000 s)", id="beyond"
        ),
        pytest.param(0, 1.1, "one two", "2 of 4 words", id="a word that ends beyond is cut"),
        pytest.param(0.8, 10, "three four", "2 of 4 words", id="before"),
        pytest.param(3600, 3700, "", "4 of 4 words", id="another recording's"),
    ],
)
def test_words_outside_the_video_are_left_out_with_a_warning(start, end, spoken, left_out):
    made = replace(
        recording("a", captions_uri="one two three four"), visual=visual(start=start, duration=end)
    )
    (outcome,) = run(stage("captions"), [made])
    heard = outcome.value.transcript
    assert " ".join(word.text for word in heard.words) == spoken
    assert " ".join(utterance.text for utterance in heard.utterances) == spoken
    assert all(start <= word.span.start <= word.span.end <= end for word in heard.words)
    assert [left_out in warning for warning in heard.warnings] == [True] * bool(left_out)


def test_auto_prefers_captions_and_recognises_the_rest(tiny_whisper, sounds):
    recordings = [
        recording("a", sounds["first"], captions_uri="hello"),
        recording("b", sounds["second"]),
        recording("c", sounds["both"], captions_uri="there"),
    ]
    options = {"auto_model": str(tiny_whisper), "rejection": BELIEVE_ALL, "decoding": GREEDY}
    a, b, c = run(stage("auto", **options), recordings)
    assert a.value.transcript.words[0].text == "hello"
    assert c.value.transcript.words[0].text == "there"
    assert b.value.transcript.source == f"whisper:{tiny_whisper}"
    assert words(b) == words(run(stage(f"whisper:{tiny_whisper}", **options), [recordings[1]])[0])


def test_auto_without_a_model_says_so_and_goes_on(no_network, caplog):
    a, b = run(
        stage("auto", auto_model="/no/such/folder"), [recording("a"), recording("b", captions_uri="hello")]
    )
    (line,) = caplog.records
    for help in (
        "/no/such/folder",
        "NAME.vtt",
        "--asr whisper:FOLDER",
        "--set transcribe.allow_download=true",
    ):
        assert help in line.getMessage()
    assert line.video_id == "", "every worker says it, and a run once"
    (warning,) = a.value.transcript.warnings
    assert "no such folder" in warning
    assert "--asr" not in warning
    assert a.value.transcript.words == ()
    assert b.value.transcript.words[0].text == "hello"


# --- finding and loading a model


@pytest.mark.parametrize(
    "name", ["/no/such/folder", "./no-such-folder", "no-such-model", "tiny", "someone/some-model"]
)
def test_a_missing_model_asked_for_by_name_is_an_error_and_no_download(
    name, no_network, monkeypatch, tmp_path
):
    pytest.importorskip("faster_whisper")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as raised:
        stage(f"whisper:{name}").open()
    assert raised.value.station == "transcribe"
    assert raised.value.expected


def test_a_model_in_the_local_cache_is_found_by_name(tiny_whisper, no_network, monkeypatch, tmp_path, sounds):
    cached = tmp_path / "models--Systran--faster-whisper-tiny"
    shutil.copytree(tiny_whisper, cached / "snapshots" / "0123abcd")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("0123abcd")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (outcome,) = run(
        stage("whisper:tiny", rejection=BELIEVE_ALL, decoding=GREEDY), [recording("a", sounds["first"])]
    )
    assert words(outcome)
    assert outcome.value.transcript.source == "whisper:tiny"


def test_damaged_and_incomplete_models_are_refused(tiny_whisper, tmp_path):
    incomplete = tmp_path / "incomplete"
    shutil.copytree(tiny_whisper, incomplete)
    (incomplete / "tokenizer.json").unlink()  # faster-whisper would fetch another one
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        stage(f"whisper:{incomplete}").open()
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_whisper, damaged)
    (damaged / "model.bin").write_bytes((tiny_whisper / "model.bin").read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        stage(f"whisper:{damaged}").open()


@pytest.mark.parametrize(
    ("options", "accepted"), [({"language": "klingon"}, "en"), ({"compute_type": "int7"}, "int8")]
)
def test_options_that_do_not_fit_the_model_are_refused(tiny_whisper, options, accepted):
    with pytest.raises(OptionError) as raised:
        stage(f"whisper:{tiny_whisper}", **options).open()
    assert accepted in raised.value.expected.split(", ")


def test_the_missing_extra_is_named(monkeypatch, tiny_whisper):
    monkeypatch.setitem(__import__("sys").modules, "faster_whisper", None)
    with pytest.raises(MissingDependency, match=r"narratrace\[asr\]"):
        stage(f"whisper:{tiny_whisper}").open()


# --- recognising


def test_one_window_reads_as_faster_whisper_reads_it(tiny_whisper, speech, tmp_path):
    from faster_whisper import WhisperModel

    region = voice_regions(speech[: 4 * SAMPLE_RATE], VoiceOptions(pad_s=0))[0]
    samples = speech[round(region.start * 16000) : round(region.end * 16000)]
    uri = write_wav(tmp_path / "one.wav", samples)
    padded = np.pad(read_audio(uri).samples, (0, 30 * SAMPLE_RATE - len(samples)))
    model = WhisperModel(str(tiny_whisper), device="cpu", compute_type="int8", cpu_threads=1)
    theirs, _ = model.transcribe(
        padded,
        language="en",
        beam_size=2,
        temperature=0,
        condition_on_previous_text=False,
        log_prob_threshold=None,
    )
    options = TranscribeOptions(
        asr=f"whisper:{tiny_whisper}",
        language="en",
        rejection=BELIEVE_ALL,
        decoding=DecodingOptions(beam_size=2, retry_ngram=0),
        voice=VoiceOptions(pad_s=5, min_speech_s=0, utterance_pause_s=100),
    )
    (ours,) = run(
        Transcribe(options, captions_reader=read_captions, audio_reader=read_audio), [recording("a", uri)]
    )
    first = next(iter(theirs)).text.split()
    assert len(first) > 0
    assert [w.text for w in ours.value.transcript.utterances[0].words] == first


def test_words_lie_in_order_inside_the_voice_on_the_videos_clock(tiny_whisper):
    start = 12.5
    options = {"rejection": BELIEVE_ALL, "decoding": GREEDY}
    (outcome,) = run(stage(f"whisper:{tiny_whisper}", **options), [recording("a", f"{SPEECH_FILE}@{start}")])
    found = outcome.value.transcript
    voice = [r.pad(0.11, 0.11) for r in voice_regions(read_audio(str(SPEECH_FILE)).samples, VoiceOptions())]
    assert len(found.words) > 10
    for word in found.words:
        assert any(v.start <= word.span.start - start and word.span.end - start <= v.end for v in voice)
    starts = [word.span.start for word in found.words]
    assert starts == sorted(starts)
    assert found.language in ("en", "de", "fr")
    assert found.word_times == "exact"
    for utterance in found.utterances:  # the pause between the sentences is in no utterance
        assert utterance.span.duration < 4
        assert utterance.span.start == utterance.words[0].span.start


def test_what_a_recording_says_does_not_depend_on_its_batch(tiny_whisper, sounds):
    options = {"rejection": BELIEVE_ALL, "decoding": GREEDY}
    alone = {
        name: words(
            run(stage(f"whisper:{tiny_whisper}", batch_windows=1, **options), [recording(name, uri)])[0]
        )
        for name, uri in sounds.items()
    }
    assert len({tuple(text for text, *_ in heard) for heard in alone.values()}) == len(sounds)
    order = list(sounds) * 2
    random.Random(0).shuffle(order)

    def together(size):
        batch = [recording(name, sounds[name]) for name in order]
        outcomes = run(stage(f"whisper:{tiny_whisper}", batch_windows=size, **options), batch)
        return [(outcome.value.video_id, words(outcome)) for outcome in outcomes]

    with ThreadPoolExecutor(2) as pool:
        for outcomes in pool.map(together, (2, 5)):
            assert outcomes == [(name, alone[name]) for name in order]


def test_one_unreadable_recording_leaves_the_others_alone(tiny_whisper, sounds, tmp_path):
    junk = tmp_path / "junk.wav"
    junk.write_text("not a sound")
    silent = write_wav(tmp_path / "silent.wav", np.zeros(3 * SAMPLE_RATE, np.float32))
    recordings = [
        recording("a", sounds["first"]),
        recording("b", str(junk)),
        recording("c", sounds["second"]),
    ]
    recordings += [recording("d", silent), recording("e", str(tmp_path / "missing.wav"))]
    options = {"rejection": BELIEVE_ALL, "decoding": GREEDY}
    a, b, c, d, e = run(stage(f"whisper:{tiny_whisper}", **options), recordings)
    assert words(a)
    assert words(c)
    assert isinstance(b, Failed)
    assert (b.video_id, b.uri, b.station) == ("b", str(junk), "transcribe")
    assert isinstance(e, Failed)
    assert d.value.transcript.words == ()
    assert d.value.transcript.warnings == ("no voice in 3.0 s of sound",)


def no_audio_stream(uri):
    """A reader for videos without sound."""
    return None


def test_a_video_without_sound_has_no_words(tiny_whisper):
    options = TranscribeOptions(asr=f"whisper:{tiny_whisper}")
    made = Transcribe(options, captions_reader=read_captions, audio_reader=no_audio_stream)
    (outcome,) = run(made, [recording("a")])
    assert outcome.value.transcript.warnings == ("no audio stream",)


def test_invented_text_is_left_out_with_the_reason(tiny_whisper, sounds):
    (outcome,) = run(stage(f"whisper:{tiny_whisper}", decoding=GREEDY), [recording("a", sounds["both"])])
    assert outcome.value.transcript.words == ()
    (warning,) = outcome.value.transcript.warnings
    assert warning.startswith("not believed at 1.")
    assert "compression ratio" in warning


def test_the_second_search_is_taken_when_it_is_believable_and_is_the_same_every_time(tiny_whisper, sounds):
    limits = RejectionOptions(
        max_compression_ratio=1e9, max_repeats=2, min_avg_logprob=-1e9, no_speech_avg_logprob=-1e9
    )

    def hear(retry):
        decoding = DecodingOptions(beam_size=1, retry_ngram=retry)
        return run(
            stage(f"whisper:{tiny_whisper}", decoding=decoding, rejection=limits),
            [recording("a", sounds["second"])],
        )

    (plain,), (retried,), (again,) = hear(0), hear(1), hear(1)
    assert words(plain) == []
    assert "repeats of" in plain.value.transcript.warnings[0]
    texts = [text for text, *_ in words(retried)]
    assert len(texts) > 5
    assert words(retried) == words(again)


def test_sampling_is_tried_when_asked_for(tiny_whisper, sounds):
    limits = RejectionOptions(
        max_compression_ratio=3.5, max_repeats=10**6, min_avg_logprob=-1e9, no_speech_avg_logprob=-1e9
    )

    def warnings(temperatures):
        decoding = DecodingOptions(beam_size=1, retry_ngram=0, temperatures=temperatures, best_of=2)
        made = stage(f"whisper:{tiny_whisper}", decoding=decoding, rejection=limits)
        return run(made, [recording("a", sounds["both"])])[0].value.transcript.warnings

    assert "compression ratio" in warnings(())[0]
    assert warnings((0.0, 1.0)) == ()


@pytest.fixture(scope="module")
def loaded(tiny_whisper):
    return load_model(tiny_whisper, device="cpu", compute_type="auto", workers=1)


@pytest.mark.parametrize(
    ("machine", "processor", "exact"),
    [
        ("x86_64", "vendor_id: AuthenticAMD\nflags: fpu avx2", False),
        ("x86_64", "vendor_id: AuthenticAMD\nflags: fpu avx2 avx512_vnni", True),
        ("x86_64", "vendor_id: AuthenticAMD\nflags: fpu avx2 avx_vnni", True),
        ("x86_64", "vendor_id: GenuineIntel\nflags: fpu avx2", True),
        ("AMD64", "AMD64 Family 25 Model 33 Stepping 2, AuthenticAMD", False),
        ("arm64", "arm", True),
    ],
)
def test_int8_is_used_where_its_sums_do_not_overflow(machine, processor, exact):
    assert int8_is_exact(machine, processor) is exact


def test_the_cpus_own_arithmetic_is_near_that_of_float32(tiny_whisper, sounds):
    samples = read_audio(sounds["both"]).samples

    def encoded(compute_type):
        model = load_model(tiny_whisper, device="cpu", compute_type=compute_type, workers=1)
        features = WhisperDecoder(model, GREEDY, BELIEVE_ALL).features(samples)
        return np.array(model.encode(features[None]))

    wanted = encoded("float32")
    assert np.abs(encoded("auto") - wanted).mean() < 0.05 * wanted.std()


def test_windows_of_any_length_can_be_read(loaded):
    decoder = WhisperDecoder(loaded, GREEDY, BELIEVE_ALL)
    noise = np.random.default_rng(0).normal(0, 0.1, 30 * SAMPLE_RATE + 1).astype(np.float32)
    lengths = (1, 160, 1600, len(noise))
    features = [decoder.features(noise[:n]) for n in lengths]
    assert {f.shape for f in features} == {(80, 3000)}
    readings = decoder.read(features, [n / SAMPLE_RATE for n in lengths], "en")
    assert len(readings) == len(lengths)
    for reading in readings:
        assert all(
            0 <= word.span.start <= word.span.end <= 30 for words in reading.segments for word in words
        )


def test_segments_end_at_time_stamps(loaded):
    from faster_whisper.tokenizer import Tokenizer

    tokenizer = Tokenizer(loaded.hf_tokenizer, True, task="transcribe", language="en")
    stamp, word = tokenizer.timestamp_begin, loaded.hf_tokenizer.token_to_id("Ġheart")
    tokens = [stamp, word, word + 1, stamp + 50, stamp + 50, word, stamp + 90, stamp + 95, word, word]
    aligned = [
        {"word": " heart,", "tokens": [word, word + 1], "start": 0.0, "end": 0.9, "probability": 0.5},
        {"word": "", "tokens": [], "start": 0.9, "end": 0.9, "probability": 0.5},
        {"word": " lung", "tokens": [word], "start": 1.0, "end": 1.5, "probability": 0.25},
        {"word": " brain", "tokens": [word], "start": 1.9, "end": 2.5, "probability": 0.5},
        {"word": " liver", "tokens": [word], "start": 2.5, "end": 2.4, "probability": 0.5},
    ]
    found = segments(tokenizer, tokens, aligned)
    assert [[w.text for w in words] for words in found] == [["heart,"], ["lung"], ["brain", "liver"]]
    assert found[1][0] == Word(Span(1.0, 1.5), "lung", 0.25)
    assert found[2][1].span == Span(2.5, 2.5)
    assert segments(tokenizer, [stamp, stamp + 10], []) == ()


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (
            (" the", " X", "-ray", " 3", ".5", " cm,", " 10", "%", " T", "1", "-weighted"),
            "the X-ray 3.5 cm, 10% T1-weighted",
        ),
        (("今天", "看", "CT", " 肝", "脏。"), "今天看CT 肝脏。"),
    ],
)
def test_tokens_without_a_space_before_get_none(loaded, tokens, text):
    from faster_whisper.tokenizer import Tokenizer

    tokenizer = Tokenizer(loaded.hf_tokenizer, True, task="transcribe", language="en")
    word = loaded.hf_tokenizer.token_to_id("Ġheart")
    aligned = [
        {"word": token, "tokens": [word], "start": i, "end": i + 1, "probability": 0.5}
        for i, token in enumerate(tokens)
    ]
    (words,) = segments(tokenizer, [word] * len(tokens), aligned)
    assert join_words(words) == text
    assert (words[0].span.start, words[-1].span.end) == (0, len(tokens))
