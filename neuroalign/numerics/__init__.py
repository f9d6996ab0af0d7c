"""Arrays in, arrays out: nothing here knows a label."""
