"""The last station: samples become shards, index, narratives, analyses, clips and run records.

A worker turns a finished recording into one bundle file (:mod:`.bundle`); a single assembler in the parent
process appends bundles to the shards in input order (:mod:`.shards`). Nothing of a run's final output is
ever visible half written.
"""
