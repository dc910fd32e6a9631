"""What happens in bulk or by the clock, never at the counter."""
