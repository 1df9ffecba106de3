"""From stored tables to the papers' tables and curves: pandas, numpy and the maths, no plotting, no storage."""
