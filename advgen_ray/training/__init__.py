"""Plain PyTorch training programs: functions of plain arguments and callbacks; no cluster, no tracking, no config."""
