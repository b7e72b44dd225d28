"""Words, pointer and pictures on one timeline: chunks, pairs, traces with boxes, clips."""
