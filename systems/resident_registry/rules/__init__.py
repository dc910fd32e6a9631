"""What the office may and must decide. Pure: facts, day and parameters in, decision out."""
