"""Narrated screen recordings with exact truth, rendered rather than captured.

    python -m benchmarks.lectures OUTDIR --set dev|heldout [--only NAME] [--jobs N]
    python -m benchmarks.lectures.verify OUTDIR [--only NAME] [--sheets DIR]

Needs the extra `bench`, and espeak-ng for a voice. Pointers of installed cursor themes are used where there
are any.

A recording is a pure function of time: `script` walks through a `Spec` (shots, pointer, overlays,
encoding), speaks its sentences and leaves a `Desk` (what the screen shows at a time), a pointer path and
the narration. `render` samples them at the frame times of the delivered file, so the truth is what was
drawn and not what was measured. Times are seconds on the delivered file's presentation clock, positions
are pixels. The truth format and its meaning are those of shared/eval/score.py.

What counts as what
  shot            a new slide or scene. Gradual changes (dissolve, dip, wipe, push) have next_kind "fade"
                  and their style in the extra field "style".
  other_changes   everything else that alters the screen: bullet, ink, zoom, pan, jump, slice, scroll,
                  typing, popup, tooltip, hover, inset, video.
  moving_regions  confined and repeating change: webcam, cine loop, caret, clock, subtitle, progress bar.
                  One that covers more than half of the frame is a "video" instead, and ends stability.
  stable_spans    runs of at least 2 s in which the screen without pointer and moving regions stands still.
"""
