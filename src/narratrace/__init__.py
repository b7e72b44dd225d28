"""narratrace."""
