"""What is said and what is shown: transcription, frame classification, and the filters on both."""
