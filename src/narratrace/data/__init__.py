"""The frozen values that flow through the engine; nothing here computes or reads files."""
