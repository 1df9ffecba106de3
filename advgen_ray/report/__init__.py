"""Tables become pictures, sentences and one self-contained page; the numbers were all computed before."""
