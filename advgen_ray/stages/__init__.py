"""One file a stage: a config in, a stored result out, a summary back; where all other packages meet."""
