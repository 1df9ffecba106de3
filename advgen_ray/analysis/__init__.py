"""From stored tables to the papers' tables and curves: pandas and numpy, no plotting, no storage, no torch."""
