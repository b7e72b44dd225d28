"""What a recording shows: shots, still pictures, moving regions and the pointer, from one decode pass."""
