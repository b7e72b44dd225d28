"""Names in an output folder, beside those of :mod:`narratrace.write`."""

LEDGER = "ledger.sqlite"
RUN = "run.json"
DEAD_LETTERS = "dead_letter.jsonl"
SCRATCH = ".scratch"
PREVIOUS = "previous"
