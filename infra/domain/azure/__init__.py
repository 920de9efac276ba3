"""What Azure is: tables with their dates and sources, and no decisions."""
